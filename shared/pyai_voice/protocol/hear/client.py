"""The client's side of the Hear conversation: messages in, events out; no socket, no clock.

Above: :mod:`pyai_voice.hear`, which owns the connections. Below: :mod:`.wire`. One machine lives as long as
the stream: it goes through any number of connections, and an utterance that a reconnect cuts is one utterance.

    utterance:   (none) --words--> open --speech_final--> endpointed --final--> over --> (none)

Rules, with their source in PyAI's protocol (Hear streaming, "Ordering and completion rules"):

* one final for each utterance; ``speech_final`` is promoted when its ``final`` does not come;
* only a final whose reason is absent, ``commit`` or ``client_commit`` answers a commit, also when it is empty;
* a partial replaces the one before; what comes late for an utterance that is over is dropped;
* after ``unknown_message_type`` a refused commit is sent once more under its older name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

from ...errors import service_error
from ...events import (
    ConfigAcknowledged,
    Grounding,
    HearEvent,
    Passage,
    Problem,
    SpeechStarted,
    Transcript,
    TurnEnded,
    Usage,
)
from ...options import HearOptions
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
_WAITED_REASONS = frozenset({"endpoint", "silence"})
"""Reasons after which the server had waited for ``endpointing_ms`` of silence."""
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


class HearClient:
    """Client role. Call :meth:`open` for each connection, :meth:`receive` for each message, and send what
    :meth:`data_to_send` returns after any call.
    """

    def __init__(self, options: HearOptions) -> None:
        self.options = options
        self.commits = 0
        """How many commits this connection has not answered yet."""
        self._base = 0.0
        self._count = 0
        self._heard_to = 0.0
        self._utterance: _Utterance | None = None
        self._finished: dict[str, None] = {}
        self._passages: tuple[Passage, ...] | None = None
        self._endpointing: float | None = None
        self._aliased = 0
        self._outgoing: list[str] = []

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
        self.commits = 0
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

    def commit(self) -> None:
        """Ask for the final transcript of the audio sent so far."""
        self.commits += 1
        self._outgoing.append(COMMIT)

    def data_to_send(self) -> list[str]:
        """Return the messages to send now, in order; each is returned once."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def receive(self, message: Message, sent: float) -> list[HearEvent]:
        """Digest one message; ``sent`` is the position in seconds up to which audio was sent.

        Binary messages, broken JSON and unknown types give no event.
        """
        fields = read_object(message)
        if fields is None:
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
                return [self._acknowledged(fields)]
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
        return self._finish(self._utterance.ending)

    def give_up(self, reason: str, at: float) -> list[HearEvent]:
        """Answer our oldest commit ourselves, with the words known now: no answer will come."""
        text = self._utterance.text if self._utterance else ""
        self.commits += not self.commits
        return self._finish(_Ending(text, reason, max(at, self._heard_to), None, "", self.options.language), True)

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
        partial = Transcript(text, self._utterance.name, stable=stable, start=start, end=at, language=language)
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
        )
        return [*events, *self._ground(fields, self._utterance.name), words]

    def _final(self, fields: dict[str, Any], sent: float, legacy: bool) -> list[HearEvent]:
        if self._is_over(fields, legacy):
            return []
        utterance = self._utterance
        said = utterance.ending.text if utterance and utterance.ending else ""
        name = utterance.name if utterance else f"u{self._count + 1}"
        return [*self._ground(fields, name), *self._finish(self._ending(fields, sent, legacy, said))]

    def _finish(self, ending: _Ending, committed: bool = False) -> list[HearEvent]:
        committed = committed or (ending.reason in COMMIT_REASONS and self.commits > 0)
        self.commits -= committed
        events = self._grow(ending.text, ending.at) if ending.text else []
        utterance = self._utterance or self._begin(ending.at)
        if ending.text:
            start, end = self._bounds(utterance, ending)
            events.append(
                Transcript(
                    ending.text,
                    utterance.name,
                    final=True,
                    endpointed=True,
                    committed=committed,
                    stable=ending.text,
                    start=start,
                    end=end,
                    language=ending.language,
                )
            )
        reason = ending.reason or "commit"
        events.append(TurnEnded(utterance.name, reason, ending.at, committed, ending.text))
        self._close(ending)
        return events

    def _close(self, ending: _Ending) -> None:
        self._utterance = None
        self._passages = None
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
        grown = utterance.grown if _same_words(text, utterance.text) else at
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
        )

    def _bounds(self, utterance: _Utterance, ending: _Ending) -> tuple[float, float]:
        """Estimate where the words begin and end: ``t_ms`` is where the server decided, not where speech ended."""
        end = utterance.grown
        if ending.reason in _WAITED_REASONS and self._endpointing is not None:
            end = ending.at - self._endpointing
        end = min(max(end, utterance.started), ending.at)
        start = utterance.started if ending.speech is None else end - ending.speech
        return min(max(start, self._heard_to), end), end

    def _position(self, fields: dict[str, Any], sent: float) -> float:
        on_wire = number(fields, "t_ms")
        at = sent if on_wire is None else min(self._base + on_wire / 1000, sent)
        return max(at, self._utterance.started if self._utterance else self._heard_to)  # time never runs back

    def _is_over(self, fields: dict[str, Any], legacy: bool) -> bool:
        return not legacy and text_of(fields, "utterance_id") in self._finished

    def _ground(self, fields: dict[str, Any], name: str) -> list[HearEvent]:
        passages = tuple(_passage(item) for item in items_of(fields, "grounding")[:3])
        if passages == self._passages or "grounding" not in fields:
            return []
        self._passages = passages
        return [Grounding(passages, name)]

    def _acknowledged(self, fields: dict[str, Any]) -> ConfigAcknowledged:
        endpointing = number(fields, "endpointing_ms")
        if endpointing is not None:
            self._endpointing = endpointing / 1000
        return ConfigAcknowledged(
            endpointing_ms=None if endpointing is None else round(endpointing),
            warnings=tuple(map(str, items_of(fields, "warnings"))),
            session_id=text_of(fields, "session_id") or None,
        )

    def _error(self, fields: dict[str, Any]) -> list[HearEvent]:
        code, said = error_of(fields)
        if code == "unknown_message_type" and self._aliased < self.commits:
            self._aliased += 1
            self._outgoing.append(COMMIT_ALIAS)
            return []
        return [Problem(service_error(said or "The server reported an error", code=code))]


def _changeable(options: HearOptions) -> dict[str, int | bool | None]:
    """Return what a config message can change, as on the wire."""
    return {"endpointing_ms": options.endpointing_ms, "grounding": options.cue.grounding}


def _passage(item: Any) -> Passage:
    fields = cast("dict[str, Any]", item) if isinstance(item, dict) else {}
    return Passage(text_of(fields, "content"), number(fields, "score") or 0.0)


def _same_words(left: str, right: str) -> bool:
    """Tell whether two texts differ in case and punctuation at most."""
    return [*filter(str.isalnum, left.lower())] == [*filter(str.isalnum, right.lower())]
