"""The caller's words as additions only: PyAI's wire cannot take a word back. Pure.

Only the part of a partial that the next one repeats is told, but for its last two words, and nothing of a short one,
because the first words are the least certain. The final text tells the rest, from the word on that comes after as many
words as were told.
"""

from __future__ import annotations

__all__ = ["Deltas"]

_HELD_BACK = 2
"""Words."""


class Deltas:
    """The deltas of one side of a call."""

    def __init__(self) -> None:
        self._words = 0
        """Of the open utterance, that were told."""
        self._before = False
        """Whether an earlier utterance of the same turn was told."""

    def partial(self, stable: str) -> str:
        """Return what a partial adds; may be empty."""
        return self._told(stable.split()[:-_HELD_BACK])

    def final(self, text: str) -> str:
        """Return what the final text adds, and begin the next utterance."""
        told = self._told(text.split())
        self._before = self._before or self._words > 0
        self._words = 0
        return told

    def turn(self) -> None:
        """The agent's turn begins: the caller's next words are the first of a new one."""
        self._before = False

    def _told(self, words: list[str]) -> str:
        fresh = words[self._words :]
        if not fresh:
            return ""
        space = " " if self._words or self._before else ""
        self._words += len(fresh)
        return space + " ".join(fresh)
