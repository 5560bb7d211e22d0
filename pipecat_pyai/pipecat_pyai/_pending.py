"""Which passages belong to the question that the language model is about to answer. No I/O, no clock, no frame.

Passages come ahead of everything else, so a turn's are here before its question, and may be here before the turn is
seen to begin. What a turn used, or had when it ended, is gone when the next one begins; what somebody types meanwhile
is another question and gets none.
"""

from __future__ import annotations

from pyai_voice.events import Passage

__all__ = ["PendingPassages"]


class PendingPassages:
    """Those of the utterances of one turn."""

    def __init__(self) -> None:
        self._passages: dict[str, tuple[Passage, ...]] = {}
        self._old: set[str] = set()
        self._question: object = None
        self._turn_over = False
        self._muted = False

    def take(self, utterance: str, passages: tuple[Passage, ...] | None) -> None:
        """Take those of an utterance in place of its earlier ones; None: it was no speech, forget them."""
        self._passages.pop(utterance, None)
        self._old.discard(utterance)
        if passages is not None and not self._muted:
            self._passages[utterance] = passages

    def turn_started(self) -> None:
        """Forget the turn before."""
        for utterance in self._old:
            del self._passages[utterance]
        self._old.clear()
        self._question, self._turn_over = None, False

    def turn_stopped(self) -> None:
        """Keep what came for the turn's question only."""
        self._old = set(self._passages)
        self._turn_over = True

    def mute(self, muted: bool) -> None:
        """Forget all, and take none while the user is muted."""
        self._muted = muted
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self._passages.clear()
        self._old.clear()

    def answer(self, question: object, *, speculation: bool = False) -> tuple[Passage, ...] | None:
        """Return the passages for a question, in the order they came; None where no grounding was given for it."""
        if self._turn_over and self._question not in (None, question):
            self.clear()
        if not speculation:
            self._question = question
        self._old = set(self._passages)
        if not self._passages:
            return None
        return tuple(passage for passages in self._passages.values() for passage in passages)
