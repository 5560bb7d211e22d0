"""Which words of a reply its sound has reached: a context must hold what was heard, not what was meant to be said.

Above: :mod:`._omni_translation`. Omni sends the words of a reply as segments, before their sound or after it, and does
not say which sound is whose. Words that come ahead are let go as their sound passes, at the pace of the replies before;
all that is let go stands behind its sound in the pipeline, so that an interruption takes the rest away. No I/O, no
clock.
"""

from __future__ import annotations

from collections import deque

__all__ = ["SpokenWords"]

_PACE = 10.0
"""Characters a second until a reply has shown the real pace: slow, so that no word is let go before it is heard."""
_PACES = (5.0, 25.0)
"""What a voice can do."""
_TELLING = 2.0
"""Seconds of a reply from which on its pace is believed."""


class SpokenWords:
    """One voice; call :meth:`begin` for each reply."""

    def __init__(self) -> None:
        self._pace = _PACE
        self.begin()

    def begin(self) -> None:
        """Forget the reply before."""
        self._held: deque[str] = deque()
        self._sound = 0.0
        """Seconds that came with no words, or since the words that are held."""
        self._let_go = 0
        """Characters of the held words."""
        self._ahead = False
        """Words come before their sound."""

    def sound(self, seconds: float) -> str:
        """Take sound; return the words that it has reached."""
        self._sound += seconds
        return self._reached()

    def words(self, text: str) -> str:
        """Take the words of a segment; return what has been heard by now."""
        heard = self.heard()
        if not self._ahead and len(text) <= _PACES[1] * self._sound:
            self._sound = 0.0
            return text
        self._ahead = True
        if not self._held:
            self._sound, self._let_go = 0.0, 0
        self._held.extend(text.split())
        return heard

    def heard(self) -> str:
        """Return all that is held if any sound of it came: something else follows, so it was all."""
        return self.rest() if self._sound else ""

    def rest(self) -> str:
        """Return all that is held: its sound is complete."""
        rest = " ".join(self._held)
        self._held.clear()
        return rest

    def learn(self, text: str, seconds: float) -> None:
        """Learn the voice's pace from a whole reply."""
        if seconds >= _TELLING and text:
            slowest, fastest = _PACES
            self._pace = min(max(len(text) / seconds, slowest), fastest)

    def _reached(self) -> str:
        words: list[str] = []
        while self._held and self._let_go + len(self._held[0]) + 1 <= self._sound * self._pace:
            word = self._held.popleft()
            self._let_go += len(word) + 1
            words.append(word)
        return " ".join(words)
