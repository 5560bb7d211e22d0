"""Which words belong to which second of a message's audio. No I/O, no clock.

Above: :mod:`.generation`. Omni tells its words a sentence at a time and does not say where in the audio they are. They
are shown when their audio has been taken, so that an interrupted message holds what was spoken and not what was meant.
Where words lead their audio, they are spread at a usual pace; where they follow it, over the audio that came before.
"""

from __future__ import annotations

import re
from collections import deque

__all__ = ["Captions"]

_PACE = 1 / 14
"""Seconds that a character takes to be spoken."""
_WORD = re.compile(r"\s*\S+")
_UNFINISHED = re.compile(r"\S+\Z")


class Captions:
    """The words of one message in order. Positions are seconds of its audio."""

    def __init__(self) -> None:
        self.text = ""
        """Everything so far."""
        self._waiting: deque[tuple[float, str]] = deque()
        """Where each word may be shown, and the word."""
        self._known = ""
        """What is taken of the segment that is not final."""
        self._until = 0.0
        """Where the newest words end; where words lead, a guess."""
        self._lead: bool | None = None

    def say(self, segment: str, final: bool, received: float) -> None:
        """Take a segment as known now, when ``received`` seconds of audio had come.

        Of one that is not final the last word may still grow; what contradicts the words that are shown is left out.
        """
        stable = segment if final else _UNFINISHED.sub("", segment).rstrip()
        if stable.startswith(self._known):
            self._add(stable[len(self._known) :], received)
            self._known = stable
        if final:
            self._known = ""

    def end(self, total: float) -> None:
        """Have every word shown by the end of the audio."""
        self._waiting = deque((min(at, total), word) for at, word in self._waiting)

    def due(self, position: float) -> str:
        """Return the words to show when so much audio was taken; each once."""
        words: list[str] = []
        while self._waiting and self._waiting[0][0] <= position:
            words.append(self._waiting.popleft()[1])
        return "".join(words)

    @property
    def empty(self) -> bool:
        """Whether all words have been shown."""
        return not self._waiting

    def _add(self, words: str, received: float) -> None:
        if not words.strip():
            return
        if self.text and not self._known:
            words = f" {words}"
        self.text += words
        start, pace = self._place(len(words), received)
        self._waiting.extend((start + found.end() * pace, found.group()) for found in _WORD.finditer(words))
        self._until = start + len(words) * pace

    def _place(self, length: int, received: float) -> tuple[float, float]:
        """Return where words of so many characters begin, and how many seconds each takes."""
        if self._lead is None:
            self._lead = received < length * _PACE / 2
        if not self._lead:
            start = min(self._until, received)
            return start, (received - start) / length
        if self._known:
            return max(self._until, received), _PACE
        self.end(received)  # the words before belong to the audio before
        return received, _PACE
