"""The caller's side of a call: deltas become utterances.

Above: :mod:`.client`. The wire does not say where an utterance ends: it ends when the agent's turn begins. Words that
come right after that are its tail, not a new utterance.
"""

from __future__ import annotations

from ...omni_events import CallerTranscript, OmniEvent
from .wire import Words

__all__ = ["CallerSpeech"]

_TAIL = 0.15
"""Seconds after the beginning of the agent's turn in which words are still those of the utterance before."""


class CallerSpeech:
    """Every ``now`` is in seconds of one clock that never runs back."""

    def __init__(self) -> None:
        self._count = 0
        self._text = ""
        """Of the newest utterance."""
        self._open = False
        self._ended_at: float | None = None

    def words(self, words: Words, now: float) -> list[OmniEvent]:
        """Take words of the caller."""
        tail = not self._open and not words.replaces and self._ended_at is not None and now - self._ended_at < _TAIL
        if not self._open and not tail:
            self._begin()
        self._text = words.text if words.replaces else self._text + words.text
        if not self._text.strip():
            return []
        if words.final and not tail:
            self._open, self._ended_at = False, None
        return [self._transcript(final=words.final or tail, amended=tail)]

    def finish(self, now: float) -> list[OmniEvent]:
        """End the utterance that is open, if one is."""
        if not self._open:
            return []
        self._open, self._ended_at = False, now
        return [self._transcript(final=True)] if self._text.strip() else []

    def _begin(self) -> None:
        self._count += 1
        self._text, self._open = "", True

    def _transcript(self, *, final: bool, amended: bool = False) -> CallerTranscript:
        return CallerTranscript(self._text.strip(), f"c{self._count}", final, amended)
