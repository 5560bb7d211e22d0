"""Words to listen for: near misses of the given terms are corrected to them, by sound and only when close."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["MOST_TERMS", "Vocabulary", "likeness"]

MOST_TERMS = 5
"""How many terms count, as PyAI says; the rest is ignored."""

Believed = Callable[[str, str, float], bool]
"""Tells whether a text may be right that has a term in place of these heard words, which sound so alike (0 to 1)."""

_NEAR, _CLOSE = 0.65, 0.88
"""Likeness from which a term comes into question, and from which it is taken when nothing but the sound is known."""
_TRIED = 3
"""Stretches of one text that are tried for each term."""
_WORD = re.compile(r"[\w'’&+-]+")
_NOT_SOUND = str.maketrans("", "", 'ˈˌː .,;:!?-—…"“”()')
_VOWELS = frozenset("aeiouæɑɒɔəɛɜɪʊʌᵊᵻɐAIOQWY")
_WEAK = frozenset("ɹhəᵊ")
_ALIKE = tuple(
    map(frozenset, ("mnŋ", "pb", "tdTɾ", "kɡ", "fv", "sz", "ʃʒ", "ʧʤ", "θð", "sʃ", "zʒ", "θf", "ðv", "wv", "ɹl"))
)


@dataclass(frozen=True, slots=True)
class _Term:
    written: str
    sound: str
    words: int


@dataclass(frozen=True, slots=True)
class _Stretch:
    start: int
    end: int
    likeness: float


class Vocabulary:
    """The terms of one stream. ``pronounce`` turns a text into phonemes; without terms nothing is changed."""

    def __init__(self, terms: Iterable[str] = (), pronounce: Callable[[str], str] = str.lower) -> None:
        self._pronounce = lru_cache(4096)(pronounce)
        self._terms = tuple(
            _Term(term, self._sound(term), len(_WORD.findall(term))) for term in list(terms)[:MOST_TERMS]
        )

    def __bool__(self) -> bool:
        return bool(self._terms)

    def correct(self, text: str, believed: Believed = lambda _, __, likeness: likeness >= _CLOSE) -> str:
        """Return the text with what sounds like a term, and may be it, written as that term."""
        for term in self._terms:
            for stretch in sorted(self._likest(text, term), key=lambda stretch: -stretch.start):
                other = _replaced(text, stretch, term.written)
                heard = text[stretch.start : stretch.end]
                if _plain(other) == _plain(text) or believed(other, heard, stretch.likeness):
                    text = other
        return text

    def _likest(self, text: str, term: _Term) -> list[_Stretch]:
        """Return the few stretches that sound most like the term, without overlap."""
        chosen = list[_Stretch]()
        for one in sorted(self._stretches(text, term), key=lambda stretch: -stretch.likeness):
            if len(chosen) < _TRIED and all(one.end <= other.start or one.start >= other.end for other in chosen):
                chosen.append(one)
        return chosen

    def _stretches(self, text: str, term: _Term) -> Iterator[_Stretch]:
        words = list(_WORD.finditer(text))
        for size in range(max(1, term.words - 1), term.words + 3):
            for first, last in zip(words, words[size - 1 :], strict=False):
                alike = likeness(self._sound(text[first.start() : last.end()]), term.sound)
                if alike >= _NEAR:
                    yield _Stretch(first.start(), last.end(), alike)

    def _sound(self, text: str) -> str:
        return self._pronounce(text).translate(_NOT_SOUND)


def _replaced(text: str, stretch: _Stretch, term: str) -> str:
    heard = text[stretch.start : stretch.end]
    begins = (
        heard[0].isupper() and term.islower() and (stretch.start == 0 or text[: stretch.start].rstrip()[-1:] in ".?!")
    )
    return text[: stretch.start] + (term[0].upper() + term[1:] if begins else term) + text[stretch.end :]


def _plain(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()


@lru_cache(4096)
def likeness(one: str, other: str) -> float:
    """Return how alike two phoneme strings sound, 0 to 1: a weighted edit distance over the longer one's length."""
    longest = max(len(one), len(other))
    if not one or not other or abs(len(one) - len(other)) > longest / 2:
        return 0.0
    row = [0.0]
    for sign in other:
        row.append(row[-1] + _cost("", sign))
    for left in one:
        above, row = row, [row[0] + _cost(left, "")]
        for place, right in enumerate(other):
            ways = above[place] + _cost(left, right), above[place + 1] + _cost(left, ""), row[place] + _cost("", right)
            row.append(min(ways))
    return 1.0 - row[-1] / longest


@lru_cache(4096)
def _cost(one: str, other: str) -> float:
    if one == other:
        return 0.0
    if not one or not other:
        return 0.5 if one in _WEAK or other in _WEAK else 1.0
    if one in _VOWELS and other in _VOWELS:
        return 0.4
    return 0.4 if any(one in group and other in group for group in _ALIKE) else 1.0
