"""The client's side of the Hear conversation: messages in, events out; no socket, no clock.

Above: :mod:`pyai_voice.hear`, which owns the connections. Below: :mod:`.wire`. One machine lives as long as
the stream: it goes through any number of connections, and an utterance that a reconnect cuts is one utterance.

    utterance:   (none) --words--> open --speech_final--> endpointed --final--> over --> (none)

Rules, with their source in PyAI's protocol (Hear streaming, "Ordering and completion rules"):

* one final for each utterance; ``speech_final`` is promoted when its ``final`` does not come;
* only a final whose reason is absent, ``commit`` or ``client_commit`` answers a commit, also when it is empty;
* a partial replaces the one before; what comes late for an utterance that is over is dropped;
* after ``unknown_message_type`` a refused commit is sent once more under its older name;
* grounding that was asked for and never comes is one problem in the life of the stream, and not an error.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Any

from ...errors import service_error
from ...events import (
    ConfigAcknowledged,
    HearEvent,
    Problem,
    SpeechStarted,
    Transcript,
    TurnEnded,
    Usage,
    Verdict,
)
from ...options import HearOptions
from ...words import same_words
from .cue import GroundingReader, read_verdict
from .wire import (
    COMMIT,
    COMMIT_ALIAS,
    COMMIT_REASONS,
    LEGACY_TYPES,
    Message,
    encode,
    error_of,
    items_of,
    number,
    read_object,
    text_of,
)

__all__ = ["HearClient"]

_FIRST_PARTIAL_DELAY = 0.3
"""Seconds between the onset of speech and the audio position of its first partial (documented: about 0.3)."""
_JUDGED = "endpoint"
"""Reason after which the server had waited for ``endpointing_ms`` of silence."""
_WAITED_REASONS = frozenset({_JUDGED, "silence"})
"""Reasons after which it had waited for so long at least."""
_REMEMBERED = 64
"""How many finished utterances of a connection are remembered to recognise what comes late."""


@dataclass(frozen=True, slots=True)
class _Utterance:
    """The utterance that is open."""

    name: str
    started: float
    grown: float
    """Audio position when its text last changed."""
    text: str = ""
    ending: _Ending | None = None
    """What ``speech_final`` said, until ``final`` comes."""


@dataclass(frozen=True, slots=True)
class _Ending:
    """What a ``speech_final`` or ``final`` says about the end of an utterance."""

    text: str
    reason: str
    at: float
    speech: float | None
    """Seconds of speech (``audio_ms``)."""
    wire_id: str
    language: str | None
    verdict: Verdict | None = None


class HearClient:
    """Client role. Call :meth:`open` for each connection, :meth:`receive` for each message, and send what
    :meth:`data_to_send` returns after any call.
    """

    def __init__(self, options: HearOptions) -> None:
        self.options = options
        self._asked: deque[str] = deque()
        """Commits that this connection has not answered: "" for the program's, else our own reason."""
        self._deaf = False
        self._base = 0.0
        self._count = 0
        self._heard_to = 0.0
        self._utterance: _Utterance | None = None
        self._finished: dict[str, None] = {}
        self._grounding = GroundingReader()
        self._endpointing: float | None = None
        self._aliased = 0
        self._outgoing: list[str] = []

    @property
    def commits(self) -> int:
        """How many of the program's commits this connection has not answered yet."""
        return self._asked.count("")

    @property
    def speaking(self) -> bool:
        """Whether an utterance is open."""
        return self._utterance is not None

    @property
    def endpointed(self) -> bool:
        """Whether ``speech_final`` came and ``final`` has not."""
        return self._utterance is not None and self._utterance.ending is not None

    def open(self, base: float) -> None:
        """Begin a connection whose audio starts at ``base`` seconds of the stream."""
        self._base = base
        self._deaf = False
        self._asked.clear()
        self._aliased = 0
        self._finished.clear()
        self._outgoing = []
        if self.options.cue.grounding:
            self._outgoing.append(encode({"type": "config", "grounding": True}))

    def configure(self, options: HearOptions) -> None:
        """Take new options; what can change on an open connection is sent."""
        before, now = _changeable(self.options), _changeable(options)
        changed = {name: value for name, value in now.items() if value != before[name] and value is not None}
        self.options = options
        if changed:
            self._outgoing.append(encode({"type": "config", **changed}))

    def commit(self, reason: str = "") -> None:
        """Ask for the final transcript of the audio sent so far.

        With a ``reason`` the question is our own, not the program's: the turn that its answer ends has this reason and
        is not ``committed``; where no turn is open, the answer is no event.
        """
        self._asked.append(reason)
        self._outgoing.append(COMMIT)

    def hang_up(self) -> None:
        """Hear nothing more from this connection: its open utterance has been ended without it."""
        self._deaf = True

    def data_to_send(self) -> list[str]:
        """Return the messages to send now, in order; each is returned once."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def receive(self, message: Message, sent: float) -> list[HearEvent]:
        """Digest one message; ``sent`` is the position in seconds up to which audio was sent.

        Binary messages, broken JSON and unknown types give no event.
        """
        fields = read_object(message)
        if fields is None or self._deaf:
            return []
        kind = text_of(fields, "type")
        legacy = kind in LEGACY_TYPES
        match LEGACY_TYPES.get(kind, kind):
            case "partial":
                return self._partial(fields, sent, legacy)
            case "speech_final":
                return self._speech_final(fields, sent, legacy)
            case "final":
                return self._final(fields, sent, legacy)
            case "config_ack" | "session.created":
                return self._acknowledged(fields)
            case "usage":
                seconds = number(fields, "audio_seconds") or number(fields, "active_audio_seconds")
                return [] if seconds is None else [Usage(seconds)]
            case "error":
                return self._error(fields)
            case _:
                return []

    def settle(self) -> list[HearEvent]:
        """Promote a ``speech_final`` whose ``final`` did not come, e.g. because the connection is gone."""
        if self._utterance is None or self._utterance.ending is None:
            return []
        ending = self._utterance.ending
        return [*self._miss_grounding(ending), *self._finish(ending, self._take_answer(ending.reason))]

    def give_up(self, reason: str, at: float, committed: bool = True) -> list[HearEvent]:
        """End the open utterance ourselves, with the words known now, at the audio position of the last of them.

        With ``committed`` this answers the program's oldest commit, also where no utterance is open (at ``at``).
        """
        utterance = self._utterance
        if utterance is None and not committed:
            return []
        if committed and "" in self._asked:
            self._asked.remove("")
        at = utterance.grown if utterance else max(at, self._heard_to)
        text = utterance.text if utterance else ""
        return self._finish(_Ending(text, reason, at, None, "", self.options.language), "" if committed else None)

    def _partial(self, fields: dict[str, Any], sent: float, legacy: bool) -> list[HearEvent]:
        stable, active = text_of(fields, "stable_text"), text_of(fields, "active_text")
        text = (stable + active if stable or active else text_of(fields, "text")).strip()
        if not text or self._is_over(fields, legacy):
            return []
        events = self.settle()
        at = self._position(fields, sent)
        events += self._grow(text, at)
        assert self._utterance is not None
        start = self._utterance.started
        language = text_of(fields, "language") or self.options.language
        partial = Transcript(
            text, self._utterance.name, stable=stable, start=start, end=max(start, at), language=language
        )
        return [*events, partial]

    def _speech_final(self, fields: dict[str, Any], sent: float, legacy: bool) -> list[HearEvent]:
        if self._is_over(fields, legacy):
            return []
        said = self._utterance.text if self._utterance and legacy else ""  # legacy turn.end has no text of its own
        ending = self._ending(fields, sent, legacy, said)
        if not ending.text:
            return []  # its final, with or without words, says it all
        events = self._grow(ending.text, ending.at)
        assert self._utterance is not None
        self._utterance = replace(self._utterance, ending=ending)
        start, end = self._bounds(self._utterance, ending)
        words = Transcript(
            ending.text,
            self._utterance.name,
            endpointed=True,
            stable=ending.text,
            start=start,
            end=end,
            language=ending.language,
            verdict=ending.verdict,
        )
        return [*events, *self._grounding.read(fields, self._utterance.name), words]

    def _final(self, fields: dict[str, Any], sent: float, legacy: bool) -> list[HearEvent]:
        if self._is_over(fields, legacy):
            return []
        before = self._utterance.ending if self._utterance else None
        ending = self._ending(fields, sent, legacy, before.text if before else "")
        if before:
            ending = replace(ending, verdict=ending.verdict or before.verdict)
        name = self._utterance.name if self._utterance else f"u{self._count + 1}"
        grounding = [*self._grounding.read(fields, name), *self._miss_grounding(ending)]
        return [*grounding, *self._finish(ending, self._take_answer(ending.reason))]

    def _miss_grounding(self, ending: _Ending) -> list[HearEvent]:
        return self._grounding.miss() if ending.text and self.options.cue.grounding else []

    def _take_answer(self, reason: str) -> str | None:
        """Return whose commit a final with this reason answers: "" the program's, else our own; None: nobody's."""
        return self._asked.popleft() if self._asked and reason in COMMIT_REASONS else None

    def _finish(self, ending: _Ending, answers: str | None) -> list[HearEvent]:
        if answers and not ending.text and self._utterance is None:
            return []  # the turn that we asked about is over already
        events = self._grow(ending.text, ending.at) if ending.text else []
        utterance = self._utterance or self._begin(ending.at)
        committed = answers == ""
        if ending.text:
            events.append(self._definitive(utterance, ending, committed))
        reason = answers or ending.reason or "commit"
        events.append(TurnEnded(utterance.name, reason, ending.at, committed, ending.text, ending.verdict))
        self._close(ending)
        return events

    def _definitive(self, utterance: _Utterance, ending: _Ending, committed: bool) -> Transcript:
        start, end = self._bounds(utterance, ending)
        return Transcript(
            ending.text,
            utterance.name,
            final=True,
            endpointed=True,
            committed=committed,
            stable=ending.text,
            start=start,
            end=end,
            language=ending.language,
            verdict=ending.verdict,
        )

    def _close(self, ending: _Ending) -> None:
        self._utterance = None
        self._grounding.close()
        self._heard_to = max(self._heard_to, ending.at)
        if ending.wire_id:
            self._finished[ending.wire_id] = None
        if len(self._finished) > _REMEMBERED:
            del self._finished[next(iter(self._finished))]

    def _begin(self, at: float) -> _Utterance:
        self._count += 1
        started = max(self._heard_to, at - _FIRST_PARTIAL_DELAY)
        return _Utterance(f"u{self._count}", min(started, at), at)

    def _grow(self, text: str, at: float) -> list[HearEvent]:
        """Take the newest words; tell that speech started where they are the first."""
        events: list[HearEvent] = []
        utterance = self._utterance
        if utterance is None:
            utterance = self._begin(at)
            events.append(SpeechStarted(utterance.name, utterance.started))
        grown = utterance.grown if same_words(text, utterance.text) else at
        self._utterance = replace(utterance, text=text, grown=grown)
        return events

    def _ending(self, fields: dict[str, Any], sent: float, legacy: bool, said: str) -> _Ending:
        speech = number(fields, "audio_ms")
        return _Ending(
            text=text_of(fields, "text").strip() or said,
            reason=text_of(fields, "endpoint_reason"),
            at=self._position(fields, sent),
            speech=None if speech is None else speech / 1000,
            wire_id="" if legacy else text_of(fields, "utterance_id"),
            language=text_of(fields, "language") or self.options.language,
            verdict=read_verdict(fields),
        )

    def _bounds(self, utterance: _Utterance, ending: _Ending) -> tuple[float, float]:
        """Estimate where the words begin and end: ``t_ms`` is where the server decided, not where speech ended."""
        end = min(max(self._end_of(utterance, ending), utterance.started), ending.at)
        start = utterance.started if ending.speech is None else end - ending.speech
        return min(max(start, self._heard_to), end), end

    def _end_of(self, utterance: _Utterance, ending: _Ending) -> float:
        waited = self._endpointing if ending.reason in _WAITED_REASONS else None
        if waited is None:
            return utterance.grown
        if ending.reason == _JUDGED:
            return ending.at - waited
        said = utterance.grown if ending.speech is None else utterance.started + ending.speech
        return min(said, ending.at - waited)  # it may have waited for longer

    def _position(self, fields: dict[str, Any], sent: float) -> float:
        on_wire = number(fields, "t_ms")
        at = sent if on_wire is None else min(self._base + on_wire / 1000, sent)
        return max(at, self._heard_to)  # time never runs back, except over what is sent again

    def _is_over(self, fields: dict[str, Any], legacy: bool) -> bool:
        return not legacy and text_of(fields, "utterance_id") in self._finished

    def _acknowledged(self, fields: dict[str, Any]) -> list[HearEvent]:
        endpointing = number(fields, "endpointing_ms")
        if endpointing is not None:
            self._endpointing = endpointing / 1000
        acknowledged = ConfigAcknowledged(
            endpointing_ms=None if endpointing is None else round(endpointing),
            warnings=tuple(map(str, items_of(fields, "warnings"))),
            session_id=text_of(fields, "session_id") or None,
        )
        warned = self._grounding.warn(acknowledged.warnings) if self.options.cue.grounding else []
        return [acknowledged, *warned]

    def _error(self, fields: dict[str, Any]) -> list[HearEvent]:
        code, said = error_of(fields)
        if code == "unknown_message_type" and self._aliased < len(self._asked):
            self._aliased += 1
            self._outgoing.append(COMMIT_ALIAS)
            return []
        return [Problem(service_error(said or "The server reported an error", code=code))]


def _changeable(options: HearOptions) -> dict[str, int | bool | None]:
    """Return what a config message can change, as on the wire."""
    return {"endpointing_ms": options.endpointing_ms, "grounding": options.cue.grounding}
