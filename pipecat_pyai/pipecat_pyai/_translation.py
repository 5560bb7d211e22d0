"""What a pipeline is told of what Hear heard: events in, steps out. No I/O, no clock, no frame.

Above: :mod:`pipecat_pyai.stt`, which takes the steps. Whatever comes in, in whatever order:

* a turn is started, then ended, then the next one is started; it is never open after :meth:`Translation.close`;
* an utterance has one transcript; its passages come before it, and no interim transcript after it;
* at most one prediction is out; it is settled by the transcript of its utterance, or withdrawn.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyai_voice.events import (
    Grounding,
    HearEvent,
    Passage,
    PredictionWithdrawn,
    SpeechStarted,
    Transcript,
    TurnEnded,
    TurnPredicted,
)
from pyai_voice.options import TurnPolicy

__all__ = ["Backchannel", "Final", "Ground", "Interim", "Predict", "Start", "Step", "Stop", "Translation", "Withdraw"]

_OWN_REASONS = frozenset({"deadline", "watchdog"})
"""Reasons by which the core ends a turn whose authority is silent."""
_REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class Start:
    """Propose that the user's turn begins."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Propose that the user's turn ends."""


@dataclass(frozen=True, slots=True)
class Interim:
    """Push words that may change."""

    transcript: Transcript


@dataclass(frozen=True, slots=True)
class Final:
    """Push the words of an utterance; ``ends_turn`` says that no more will come in this turn."""

    transcript: Transcript
    ends_turn: bool


@dataclass(frozen=True, slots=True)
class Backchannel:
    """Push words that were only a sign of listening."""

    transcript: Transcript


@dataclass(frozen=True, slots=True)
class Predict:
    """Push what the user has probably said."""

    prediction: TurnPredicted


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take the prediction back."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Push passages; None: forget those of this utterance."""

    utterance: str
    passages: tuple[Passage, ...] | None


Step = Start | Stop | Interim | Final | Backchannel | Predict | Withdraw | Ground


class Translation:
    """One stream after the other: call :meth:`close` at the end of each."""

    def __init__(self, policy: TurnPolicy) -> None:
        self.backchannel_threshold: float | None = None
        """From which likelihood on words are only a sign of listening; None: never."""
        self._cue = policy.authority == "cue"
        self._proposes = policy.authority != "framework"
        self._open = False
        self._utterance = ""
        self._predicted = ""
        self._grounded = ""
        self._spoken: dict[str, None] = {}
        self._ended: dict[str, None] = {}

    @property
    def turn_open(self) -> bool:
        """Whether a turn was proposed that has not been ended."""
        return self._open

    def receive(self, event: HearEvent) -> list[Step]:
        """Return what is to be done about an event, in order."""
        match event:
            case TurnEnded():
                return self._end(event)
            case SpeechStarted() | Transcript() | TurnPredicted() | PredictionWithdrawn() | Grounding():
                return [] if event.utterance in self._spoken else self._hear(event)
            case _:
                return []

    def end_turn(self) -> list[Step]:
        """End the turn that is open, if one is: the program wants it, or its patience is over."""
        if not self._open:
            return []
        self._open = False
        return [*self._withdraw(), Stop()]

    def close(self) -> list[Step]:
        """End what is open: no more events will come of this stream. The next one names its utterances anew."""
        steps = [*self._withdraw(), *self._forget(), *self.end_turn()]
        self._utterance = ""
        self._spoken.clear()
        self._ended.clear()
        return steps

    def _hear(self, event: SpeechStarted | Transcript | TurnPredicted | PredictionWithdrawn | Grounding) -> list[Step]:
        match event:
            case SpeechStarted(utterance=name):
                return self._begin(name)
            case Transcript(final=True):
                return self._final(event)
            case Transcript(endpointed=False):
                return [*self._begin(event.utterance), Interim(event)]
            case TurnPredicted():
                return self._predict(event)
            case PredictionWithdrawn(utterance=name):
                return self._withdraw() if name == self._predicted else []
            case Grounding():
                return self._ground(event)
            case _:  # with the end decided, the final says it
                return []

    def _begin(self, utterance: str) -> list[Step]:
        self._utterance = utterance
        if self._open or not self._proposes:
            return []
        self._open = True
        return [Start()]

    def _predict(self, event: TurnPredicted) -> list[Step]:
        if not self._cue:
            return []
        steps = [*self._begin(event.utterance), *self._withdraw(), Predict(event)]
        self._predicted = event.utterance
        return steps

    def _withdraw(self) -> list[Step]:
        predicted, self._predicted = self._predicted, ""
        return [Withdraw()] if predicted else []

    def _ground(self, event: Grounding) -> list[Step]:
        steps = self._withdraw() if event.passages else []  # what was answered early was answered without them
        if event.utterance != self._grounded:
            steps += self._forget()
        self._grounded = event.utterance
        return [*steps, Ground(event.utterance, event.passages)]

    def _forget(self) -> list[Step]:
        """Take back the passages of an utterance that has got no transcript."""
        grounded, self._grounded = self._grounded, ""
        return [Ground(grounded, None)] if grounded else []

    def _final(self, event: Transcript) -> list[Step]:
        steps = self._begin(event.utterance)
        _remember(self._spoken, event.utterance)
        if self._grounded != event.utterance or self._is_backchannel(event):
            steps += self._forget()
        self._grounded = ""
        if self._predicted != event.utterance or self._is_backchannel(event):
            steps += self._withdraw()
        self._predicted = ""
        if self._is_backchannel(event):
            return [*steps, Backchannel(event)]
        return [*steps, Final(event, self._cue or (self._proposes and event.committed))]

    def _is_backchannel(self, event: Transcript) -> bool:
        likely = event.verdict.backchannel if event.verdict else 0.0
        return self._cue and self.backchannel_threshold is not None and likely >= self.backchannel_threshold

    def _end(self, event: TurnEnded) -> list[Step]:
        if event.utterance in self._ended:
            return []
        _remember(self._ended, event.utterance)
        _remember(self._spoken, event.utterance)
        steps = self._forget() if event.utterance == self._grounded else []
        if event.utterance == self._predicted:
            steps += self._withdraw()
        if event.utterance == self._utterance:
            self._utterance = ""
        return [*steps, *self.end_turn()] if self._is_turn_over(event) else steps

    def _is_turn_over(self, event: TurnEnded) -> bool:
        if self._cue:
            return not self._utterance
        return event.committed or event.reason in _OWN_REASONS


def _remember(names: dict[str, None], name: str) -> None:
    names[name] = None
    if len(names) > _REMEMBERED:
        del names[next(iter(names))]
