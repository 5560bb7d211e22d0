"""Asks every question in every way, and says how good what came back is."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from benchmarks.retrieval.questions import DOCUMENTS, Question, questions
from pyai_voice.server.knowledge import Weights
from pyai_voice.server.knowledge.facade import Knowledge

__all__ = [
    "MEANING",
    "SHIPPED",
    "WORDS",
    "Found",
    "Quality",
    "Results",
    "answerable",
    "best_weights",
    "held_out",
    "measure",
]

_ORGANISATION = "org_benchmark"
_GRID = (0.3, 0.5, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0, 3.0)
"""Weights of the embeddings; BM25 has 1."""
WORDS, MEANING = Weights(1, 0), Weights(0, 1)
SHIPPED = Weights()


@dataclass(frozen=True)
class Found:
    """What came back for one question."""

    question: Question
    place: int | None
    """Of the first passage that answers it: 1, 2 or 3."""
    score: float
    """Of that passage; where none answers, of the best one."""


@dataclass(frozen=True)
class Quality:
    """Over some questions."""

    recall: float
    """Share with a right passage among the three."""
    reciprocal: float
    """Mean of 1 / place; 0 where it is not among the three."""

    @classmethod
    def of(cls, found: Sequence[Found]) -> Quality:
        """Return the quality of what was found."""
        places = [each.place for each in found if each.place]
        return cls(len(places) / len(found), sum(1 / place for place in places) / len(found))


Results = dict[Weights, list[Found]]
"""What was found with each weight, question by question."""


async def _ask(knowledge: Knowledge, question: Question, weights: Weights) -> Found:
    hits = await knowledge.search(_ORGANISATION, question.text, budget=None, weights=weights)
    place = next((number for number, hit in enumerate(hits, 1) if question.answered_by(hit)), None)
    best = hits[place - 1].score if place else max((hit.score for hit in hits), default=0.0)
    return Found(question, place, best)


async def measure() -> Results:
    """Ask every question with every weight of the fusion, and with each ranking alone."""
    everything = {WORDS, MEANING, SHIPPED, *(Weights(1, meaning) for meaning in _GRID)}
    async with aclosing(await Knowledge.open(None)) as knowledge:
        base = await knowledge.create(_ORGANISATION, "both")
        for path in DOCUMENTS:
            await knowledge.add(_ORGANISATION, base.id, path.name, path.read_bytes(), "text/markdown")
        await knowledge.settled()
        return {weights: [await _ask(knowledge, each, weights) for each in questions()] for weights in everything}


def answerable(found: Sequence[Found], chosen_on: bool | None = None) -> list[Found]:
    """Return what was found for questions that have an answer, of one half or of both."""
    return [
        each for each in found if each.question.kind != "unanswerable" and chosen_on in (None, each.question.chosen_on)
    ]


def best_weights(results: Results, chosen_on: bool) -> Weights:
    """Return the fusion that is best on one half: most found, then in the best places, then the smallest weight."""

    def quality(weights: Weights) -> tuple[float, float]:
        half = Quality.of(answerable(results[weights], chosen_on))
        return half.recall, half.reciprocal

    return max((Weights(1, meaning) for meaning in _GRID), key=quality)


def held_out(results: Results) -> list[Found]:
    """Return every question as found with the weights that were chosen on the half without it."""
    return [each for half in (True, False) for each in answerable(results[best_weights(results, not half)], half)]
