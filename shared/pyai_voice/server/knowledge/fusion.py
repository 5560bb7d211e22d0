"""Two rankings into one, and how well a passage fits.

Reciprocal rank fusion: a passage earns ``weight / (DAMPING + rank)`` in each ranking it is in (rank 1, 2, 3 ...).
Source: Cormack, Clarke, Buettcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods".
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from . import Hit, Weights
from .words import telling_words

__all__ = ["CANDIDATES", "best_first", "fuse", "relevance"]

CANDIDATES = 50
"""How many of each ranking take part."""
_DAMPING = 60
"""How little the first places count more than the next."""


def fuse(words: Sequence[int], meaning: Sequence[int], weights: Weights, limit: int) -> list[int]:
    """Return the ids that both rankings together put first; where they tie, the order of ``meaning``."""
    earned: dict[int, float] = {}
    for ranking, weight in ((meaning, weights.meaning), (words, weights.words)):
        for rank, each in enumerate(ranking if weight else (), 1):
            earned[each] = earned.get(each, 0.0) + weight / (_DAMPING + rank)
    return sorted(earned, key=earned.__getitem__, reverse=True)[:limit]


def best_first(hits: Sequence[Hit], weights: Weights) -> list[Hit]:
    """Return what fusion chose in the order of the scores; one ranking alone keeps its own order."""
    both = weights.words and weights.meaning
    return sorted(hits, key=attrgetter("score"), reverse=True) if both else list(hits)


def relevance(question: str, content: str, cosine: float) -> float:
    """Return how well a passage fits, 0 to 1: half for its meaning, half for how many of the words it has."""
    asked = telling_words(question)
    said = telling_words(content)
    shared = sum(any(_same(word, other) for other in said) for word in asked) / max(1, len(asked))
    return round(min(1.0, (max(cosine, 0.0) + shared) / 2), 4)


def _same(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return short == long or (len(short) >= 4 and long.startswith(short))
