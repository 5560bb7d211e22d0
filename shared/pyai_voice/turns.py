"""Whose word ends a turn, kept: no turn stays open because somebody says nothing. No I/O, no clock.

Above: :mod:`pyai_voice.hear`, which tells what happens and what time it is, and does what is decided here.

    no turn --SpeechStarted--> open --TurnEnded--> no turn
                                | overdue                ^
                                v                        |
                              asked --no answer--> ended with the words known

A turn is overdue at its *watchdog*, when no new word came for so long, whoever has the word; and, where Cue has it, at
its *deadline*, when the caller is silent for so long and the service, which is connected, says nothing. Then the
service is asked for the final transcript; without an answer, or without a connection to ask on, the turn is ended with
the words known. An outage has no deadline: the words of the whole utterance come after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .events import ConfigAcknowledged, Connected, Disconnected, HearEvent, SpeechStarted, Transcript, TurnEnded
from .options import HearOptions
from .words import same_words

__all__ = ["Overdue", "TurnKeeper"]

_SLACK = 0.5
"""Seconds that the service may need beyond the silence that it waits for."""
_ANSWER = 1.0
"""Seconds for the answer to a question of ours."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """What to do with an open turn that is overdue."""

    step: Literal["ask", "end"]
    """Ask the service for the final transcript, or end the turn with the words known."""
    reason: Literal["deadline", "watchdog"]
    """What the turn's end will be called."""


class TurnKeeper:
    """Watches one turn after the other. ``now`` is seconds of any clock; ``quiet`` is seconds of the audio's own."""

    def __init__(self, options: HearOptions) -> None:
        self._policy = options.turns
        self._waits = (options.endpointing_ms or 0) / 1000
        self._connected = False
        self._utterance: str | None = None
        self._text = ""
        self._told_at = 0.0
        self._grown_at = 0.0
        self._asked_at: float | None = None

    @property
    def open(self) -> bool:
        """Whether a turn is open."""
        return self._utterance is not None

    @property
    def deadline(self) -> float:
        """Seconds of silence after which a turn is overdue where Cue has the word."""
        return max(self._policy.deadline, self._waits + _SLACK)

    def configure(self, options: HearOptions) -> None:
        """Take new options from now on."""
        self._policy = options.turns
        self._waits = self._waits if options.endpointing_ms is None else options.endpointing_ms / 1000

    def take(self, event: HearEvent, now: float) -> None:
        """Note what the stream tells."""
        match event:
            case SpeechStarted(utterance=utterance):
                self._utterance, self._text = utterance, ""
                self._told_at = self._grown_at = now
            case Transcript(final=False, text=text):
                self._take_words(text, now)
            case TurnEnded():
                self._utterance, self._asked_at = None, None
            case Connected():
                self._connected, self._told_at = True, now  # what was said is heard again first
            case Disconnected():
                self._connected = False
            case ConfigAcknowledged(endpointing_ms=int(waits)):
                self._waits = waits / 1000
            case _:
                pass

    def _take_words(self, text: str, now: float) -> None:
        self._told_at = now
        if not same_words(text, self._text):
            self._grown_at = now
        self._text = text

    def decide(self, now: float, quiet: float) -> Overdue | None:
        """Tell what to do now, after so much silence of the caller; None: nothing."""
        reason = self._overdue(now, quiet)
        if reason is None:
            self._asked_at = None
        elif self._connected and self._asked_at is None:
            self._asked_at = now
            return Overdue("ask", reason)
        elif not self._connected or self._asked_at is None or now - self._asked_at >= _ANSWER:
            return Overdue("end", reason)
        return None

    def _overdue(self, now: float, quiet: float) -> Literal["deadline", "watchdog"] | None:
        if self._utterance is None:
            return None
        if now - self._grown_at >= self._policy.watchdog:
            return "watchdog"
        if self._policy.authority != "cue" or not self._connected:
            return None
        silent = quiet >= self.deadline and now - self._told_at >= self.deadline
        return "deadline" if silent else None
