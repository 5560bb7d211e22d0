"""An answer out of passages that somebody put into the conversation: the sentence that fits the question best.

Nothing is made up: what is not in the passages is not answered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .words import COMMON, tokens

__all__ = ["answer"]

_ASKED = COMMON | frozenset("ask bring close closed may my question tell whats wondering your".split())
"""Words that say that somebody asks, not what about."""
_LEAST_SHARE = 0.5
"""Of the words that a question is about, so many must be in the sentence."""
_STEM = 4
"""Two words are one when one begins with the other and has so many letters."""


def answer(question: str, passages: str) -> str | None:
    """Return one sentence of the passages; None where none has most of what the question is about."""
    about = [word for word in tokens(question) if word not in _ASKED]
    if not about or not passages:
        return None
    sentence = max(
        _sentences(passages), key=lambda one: _share(about, one)
    )  # the first of the best: best passages first
    return sentence if _share(about, sentence) >= _LEAST_SHARE else None


def _share(about: list[str], sentence: str) -> float:
    words = tokens(sentence)
    return sum(any(_same(word, other) for other in words) for word in about) / len(about)


def _same(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return long in (short, f"{short}s") or (len(short) >= _STEM and long.startswith(short))


def _sentences(passages: str) -> Iterator[str]:
    for line in passages.splitlines():
        for sentence in re.split(r"(?<=[.!?])\s+", line.strip(" -*#\t")):
            yield sentence.strip()
