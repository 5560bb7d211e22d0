"""What a pipeline is told of an Omni call: events in, steps out. No I/O, no clock, no frame.

Above: :mod:`pipecat_pyai.omni`, which takes the steps. Whatever comes in, in whatever order:

* a turn of the caller begins with words, has each word once, and ends before what answers it: the agent's words and
  the agent's tool calls;
* a reply begins, then ends, then the next one begins; its sound and words lie between, each word behind its sound;
* after a cut nothing of the reply that it cut follows but its end;
* nothing is open after :meth:`OmniTranslation.close`.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyai_voice.audio import AudioFormat
from pyai_voice.omni_events import (
    AgentTurnBegan,
    CallEnded,
    CallerTranscript,
    HangUpRequested,
    Interrupted,
    OmniEvent,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ToolCallClosed,
    ToolCalled,
)

from ._omni_spoken import SpokenWords

__all__ = [
    "CallerSays",
    "Cut",
    "Leave",
    "OmniStep",
    "OmniTranslation",
    "ReplyBegins",
    "ReplyEnds",
    "RunTool",
    "Show",
    "Sound",
    "Spoken",
    "StopTool",
    "TurnBegins",
    "TurnEnds",
]


@dataclass(frozen=True, slots=True)
class TurnBegins:
    """Propose that the caller's turn begins."""


@dataclass(frozen=True, slots=True)
class CallerSays:
    """Push the caller's words; each final one is new, one that is not final replaces the one before."""

    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class TurnEnds:
    """Propose that the caller's turn ends."""


@dataclass(frozen=True, slots=True)
class ReplyBegins:
    """The agent begins to answer."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Play."""

    pcm: bytes
    rate: int


@dataclass(frozen=True, slots=True)
class Show:
    """The agent is going to say this."""

    text: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """The agent has said this, once the sound before it is played."""

    text: str


@dataclass(frozen=True, slots=True)
class ReplyEnds:
    """The answer is complete, or was cut."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Stop playing, drop what waits."""


@dataclass(frozen=True, slots=True)
class RunTool:
    """The agent wants a tool."""

    call: ToolCalled


@dataclass(frozen=True, slots=True)
class StopTool:
    """The agent does not wait for this call any more."""

    call_id: str


@dataclass(frozen=True, slots=True)
class Leave:
    """The call is over as soon as everything has been played."""

    reason: str


OmniStep = (
    TurnBegins
    | CallerSays
    | TurnEnds
    | ReplyBegins
    | Sound
    | Show
    | Spoken
    | ReplyEnds
    | Cut
    | RunTool
    | StopTool
    | Leave
)


class OmniTranslation:
    """One stream after the other: call :meth:`close` at the end of each."""

    def __init__(self) -> None:
        self._caller = _Caller()
        self._spoken = SpokenWords()
        self._replying = False
        self._left = False
        self._leaving: str | None = None
        """Why the call is to be ended when the agent has finished."""

    @property
    def waiting(self) -> bool:
        """Whether something is open that :meth:`lose_patience` would close."""
        return self._caller.speaking or self._leaving is not None

    def receive(self, event: OmniEvent) -> list[OmniStep]:
        """Return what is to be done about an event, in order."""
        match event:
            case CallerTranscript():
                return self._caller.hear(event)
            case AgentTurnBegan() | ReplyStarted():
                return self._caller.end()
            case ReplyAudio() | ReplyText(final=True):
                return self._reply(event)
            case ReplyEnded():
                return self._finish(event)
            case Interrupted(reason=reason):
                return self._cut(by_us=reason == "client")
            case ToolCalled():
                return [*self._caller.end(), *self._end_reply(self._spoken.heard()), RunTool(event)]
            case ToolCallClosed(call_id=call_id):
                return [StopTool(call_id)]
            case HangUpRequested() | CallEnded():
                return self._hang_up(event)
            case _:
                return []

    def lose_patience(self) -> list[OmniStep]:
        """Close what has been open for too long: the agent does not answer, or does not say goodbye."""
        return [*self._caller.end(), *([] if self._replying else self._leave())]

    def close(self) -> list[OmniStep]:
        """End what is open: no more events will come of this stream. The next one names its utterances anew."""
        steps = [*self._caller.end(), *self._end_reply("")]
        self._caller, self._leaving, self._left = _Caller(), None, False
        return steps

    def _reply(self, event: ReplyAudio | ReplyText) -> list[OmniStep]:
        steps: list[OmniStep] = [] if self._replying else [ReplyBegins()]
        self._replying = True
        if isinstance(event, ReplyAudio):
            seconds = AudioFormat(event.rate).seconds(len(event.pcm))
            steps.append(Sound(event.pcm, event.rate))
            return [*steps, *_spoken(self._spoken.sound(seconds))]
        return [*steps, Show(event.segment), *_spoken(self._spoken.words(event.segment))]

    def _finish(self, event: ReplyEnded) -> list[OmniStep]:
        if not event.interrupted:
            self._spoken.learn(event.text, event.seconds)
        steps = self._end_reply("" if event.interrupted else self._spoken.rest())
        self._spoken.begin()
        return [*steps, *self._leave()]

    def _end_reply(self, rest: str) -> list[OmniStep]:
        if not self._replying and not rest:
            return []
        began: list[OmniStep] = [] if self._replying else [ReplyBegins()]
        self._replying = False
        return [*began, *_spoken(rest), ReplyEnds()]

    def _cut(self, *, by_us: bool) -> list[OmniStep]:
        self._spoken.begin()
        return [*([] if by_us else [Cut()]), *self._end_reply("")]

    def _hang_up(self, event: HangUpRequested | CallEnded) -> list[OmniStep]:
        if isinstance(event, CallEnded):
            self._leaving = None if event.reason == "client" else "the service ended the call"
            return [*self._caller.end(), *self._end_reply(self._spoken.rest()), *self._leave()]
        self._leaving = event.reason or "the agent ended the call"
        return []

    def _leave(self) -> list[OmniStep]:
        reason, self._leaving = self._leaving, None
        if reason is None or self._left:
            return []
        self._left = True
        return [Leave(reason)]


class _Caller:
    """The caller's turn: its words come as the whole utterance so far, and what was pushed as final stays pushed."""

    def __init__(self) -> None:
        self.speaking = False
        """Whether a turn is open."""
        self._utterance = ""
        self._text = ""
        """The utterance so far."""
        self._pushed = ""
        """How much of it was pushed as final."""

    def hear(self, event: CallerTranscript) -> list[OmniStep]:
        steps: list[OmniStep] = []
        if event.utterance != self._utterance:
            steps += self._finalize()
            self._utterance, self._pushed = event.utterance, ""
        self._text = event.text
        if not (words := self._new_words()):
            return steps
        if not self.speaking:
            self.speaking = True
            steps.append(TurnBegins())
        if not event.final:
            return [*steps, CallerSays(words, final=False)]
        return [*steps, *(self.end() if event.amended else self._finalize())]

    def end(self) -> list[OmniStep]:
        if not self.speaking:
            return []
        steps = self._finalize()
        self.speaking = False
        return [*steps, TurnEnds()]

    def _new_words(self) -> str:
        if self._text.startswith(self._pushed):
            return self._text[len(self._pushed) :].strip()
        return " ".join(self._text.split()[len(self._pushed.split()) :])  # spelt otherwise since

    def _finalize(self) -> list[OmniStep]:
        words, self._pushed = self._new_words(), self._text
        return [CallerSays(words, final=True)] if words else []


def _spoken(words: str) -> list[OmniStep]:
    return [Spoken(words)] if words else []
