"""Which words of a growing transcript will not change any more."""

from __future__ import annotations

import re

__all__ = ["StablePrefix"]

_MARKS = re.compile(r"[^\w']+")


class StablePrefix:
    """Agreement of two successive readings, word by word; the last word of either may still be growing.

    A word once agreed upon is kept as it was first written, so that what was shown never changes before
    the final transcript.
    """

    def __init__(self) -> None:
        self._agreed: list[str] = []
        self._latest: list[str] = []

    def update(self, text: str) -> tuple[str, str]:
        """Take a new reading; return (text, stable prefix of it), both with the agreed words in front."""
        words = text.split()
        both = min(len(words), len(self._latest)) - 1
        while len(self._agreed) < both and self._same(len(self._agreed), words):
            self._agreed.append(words[len(self._agreed)])
        self._latest = words
        return " ".join(self._agreed + words[len(self._agreed) :]), " ".join(self._agreed)

    def _same(self, place: int, words: list[str]) -> bool:
        return _plain(words[place]) == _plain(self._latest[place])


def _plain(word: str) -> str:
    return _MARKS.sub("", word).casefold()
