"""Words to listen for: near misses of the given terms are corrected to them, by sound and only when close."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["MOST_TERMS", "Vocabulary"]

MOST_TERMS = 5
"""How many terms count, as PyAI says; the rest is ignored."""

_CLOSE = 0.8
"""Likeness in sound from which a stretch of words is taken for a term; 1.0 is the same sound."""
_WORD = re.compile(r"[\w'’&+-]+")
_STRESS = str.maketrans("", "", "ˈˌ ː")
_VOWELS = frozenset("aeiouæɑɒɔəɛɜɪʊʌᵊᵻAIOQWY")
_ALIKE = tuple(
    map(frozenset, ("mnŋ", "pb", "tdTɾ", "kɡ", "fv", "sz", "ʃʒ", "ʧʤ", "θð", "sʃ", "zʒ", "θf", "ðv", "wv", "ɹl"))
)


@dataclass(frozen=True, slots=True)
class _Term:
    written: str
    sound: str
    words: int


class Vocabulary:
    """The terms of one stream. ``pronounce`` turns a text into phonemes; without terms nothing is changed."""

    def __init__(self, terms: Iterable[str] = (), pronounce: Callable[[str], str] | None = None) -> None:
        self._pronounce = lru_cache(4096)(pronounce) if pronounce else str.lower
        self._terms = tuple(
            _Term(term, self._sound(term), max(1, len(_WORD.findall(term)))) for term in list(terms)[:MOST_TERMS]
        )

    def correct(self, text: str) -> str:
        """Return the text with what sounds like a term written as that term."""
        for term in self._terms:
            text = self._with_term(text, term)
        return text

    def _with_term(self, text: str, term: _Term) -> str:
        words, at, parts = list(_WORD.finditer(text)), 0, list[str]()
        place = 0
        while place < len(words):
            size = self._size_of_match(text, words, place, term)
            if size:
                parts += [text[at : words[place].start()], term.written]
                at = words[place + size - 1].end()
            place += size or 1
        return "".join([*parts, text[at:]])

    def _size_of_match(self, text: str, words: list[re.Match[str]], place: int, term: _Term) -> int:
        """Return how many words from here on sound like the term: 0 for none."""
        scores = {
            size: likeness(self._sound(text[words[place].start() : words[place + size - 1].end()]), term.sound)
            for size in (term.words, term.words + 1, term.words - 1)
            if 0 < size <= len(words) - place
        }
        best = max(scores, key=lambda size: scores[size], default=0)
        return best if best and scores[best] >= _CLOSE else 0

    def _sound(self, text: str) -> str:
        return self._pronounce(text).translate(_STRESS)


def likeness(one: str, other: str) -> float:
    """Return how alike two phoneme strings sound, 0 to 1: a weighted edit distance over the longer one's length."""
    if not one or not other or (one[0] != other[0] and _cost(one[0], other[0]) > 0.5):
        return 0.0
    row = [0.0]
    for char in other:
        row.append(row[-1] + _cost("", char))
    for left in one:
        above, row = row, [row[0] + _cost(left, "")]
        for place, right in enumerate(other):
            row.append(
                min(
                    above[place] + _cost(left, right),
                    above[place + 1] + _cost(left, ""),
                    row[place] + _cost("", right),
                )
            )
    return max(0.0, 1.0 - row[-1] / max(len(one), len(other)))


def _cost(one: str, other: str) -> float:
    if one == other:
        return 0.0
    if not one or not other:
        return 0.5 if (one or other) in "ɹhəᵊ" else 1.0
    if one in _VOWELS and other in _VOWELS:
        return 0.4
    return 0.4 if any(one in group and other in group for group in _ALIKE) else 1.0
