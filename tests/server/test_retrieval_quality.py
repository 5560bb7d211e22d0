"""The question set is what it says it is, and both rankings together find more than each alone."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.retrieval.measuring import MEANING, WORDS, Quality, Results, answerable, held_out, measure
from benchmarks.retrieval.questions import DOCUMENTS, questions
from pyai_voice.server.knowledge.chunks import split
from pyai_voice.server.knowledge.documents import read_document


@pytest.fixture(scope="module")
def results() -> Results:
    return asyncio.run(measure())


def test_each_label_is_a_passage_and_each_passage_is_asked_for() -> None:
    passages = {
        (path.stem, chunk.heading.rpartition(" > ")[2])
        for path in DOCUMENTS
        for chunk in split(read_document(path.read_bytes(), "text/markdown", path.name))
    }
    asked = {(each.document, passage) for each in questions() for passage in each.passages}
    assert asked == passages
    assert len(passages) >= 60
    assert len([each for each in questions() if each.passages]) >= 120


def test_no_passage_is_in_both_halves() -> None:
    first, second = (
        {(each.document, each.passages[0]) for each in questions() if each.passages and each.chosen_on is half}
        for half in (True, False)
    )
    assert first
    assert second
    assert first.isdisjoint(second)


@pytest.mark.parametrize("alone", [WORDS, MEANING])
def test_fused_with_a_weight_chosen_on_other_questions_it_is_better_than_either(
    results: Results, alone: object
) -> None:
    fused = Quality.of(held_out(results))
    one = Quality.of(answerable(next(found for weights, found in results.items() if weights == alone)))
    assert fused.recall > one.recall
    assert fused.reciprocal > one.reciprocal


def test_a_code_or_a_name_is_found(results: Results) -> None:
    exact = [each for each in held_out(results) if each.question.kind == "exact"]
    assert Quality.of(exact).recall >= 0.95
