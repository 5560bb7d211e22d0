"""The client's side of an Omni call: messages in, events out; no socket, no clock.

Above: :mod:`pyai_voice.omni`, which owns the connections and the time. Below: :mod:`.wire` and the parts: replies, the
caller's speech, tool calls, the configuration, the history. One machine lives as long as the stream, through any
number of connections: Omni resumes nothing, so each is a new call with a new ``configure``, and what was said so far
goes into its persona.

Rules, with their source in PyAI's protocol (Omni native):

* the first message is ``configure``, keyed on ``type``; no confirmation in time, or another content than asked, is an
  error that says what was dropped;
* agent audio is delivered at the rate that the service announced, and waits until it has;
* of an interrupted turn nothing more is delivered (:mod:`.replies`);
* every tool call is answered exactly once, call control never;
* the ``call_id`` of a tool call is not the call's; an unknown event is passed on; a message never makes it raise.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from ...errors import ProtocolError, PyAIError, RequestError, StalledError, service_error
from ...events import Problem
from ...omni_events import CallStarted, OmniEvent, ServiceEvent, ToolCallClosed, ToolCalled
from ...omni_options import OmniOptions
from ..hear.wire import error_of, number, read_object, text_of
from .caller import CallerSpeech
from .configuration import describe, dropped, read_configured
from .history import History
from .notices import notice
from .replies import Replies
from .tools import ToolLedger, answer_message, failure_message, read_call
from .wire import (
    Audio,
    Control,
    Malformed,
    Message,
    Words,
    announced_rate,
    control_message,
    read_server_message,
    touch_tones,
    transcript,
)

__all__ = ["OmniClient"]

_MOST_EARLY = 960_000
"""Bytes of agent audio that wait for its rate to be announced: 20 s at 24000."""
_MOST_COMPLAINTS = 5
"""Malformed messages of a connection that are told of."""
_MOST_DIGITS = 64
"""Touch tones that wait for the call; of more the oldest are dropped."""


class OmniClient:
    """Client role. For each connection call :meth:`open`; hand every message to :meth:`receive` and call :meth:`tick`
    about every 20 ms; after any call send what :meth:`data_to_send` returns, and give the connection up if
    :attr:`failure` is set. Every ``now`` is in seconds of one clock that never runs back.
    """

    def __init__(self, options: OmniOptions) -> None:
        self.options = options
        self.call_id = ""
        """The service's name for the phone call."""
        self.output_rate: int | None = None
        """Samples a second of the agent's audio; None until announced."""
        self.failure: PyAIError | None = None
        """Why this connection must be given up."""
        self.ended = False
        """The service has ended the call."""
        self.confirmed = False
        """A connection of this stream was confirmed."""
        self._replies = Replies(options.reply_quiet)
        self._caller = CallerSpeech()
        self._tools = ToolLedger()
        self._history = History()
        self._outgoing: list[bytes] = []
        self._digits = deque[str](maxlen=_MOST_DIGITS)
        self._begin(0.0)

    def _begin(self, now: float) -> None:
        self.call_id = ""
        self.output_rate = None
        self.failure = None
        self._opened_at = now
        self._early = bytearray()
        self._complaints = 0
        self._sequences: dict[str, int] = {}
        self._resumed = False
        self._unconfirmed: deque[tuple[dict[str, Any], float, bool]] = deque()
        """What was asked for, when, and whether it is the first ``configure`` of the connection."""
        self._outgoing.clear()

    @property
    def replying(self) -> bool:
        """Whether a reply is open."""
        return self._replies.replying

    # What we say

    def open(self, now: float) -> None:
        """Begin a connection: a new call, with everything that was said before in its persona."""
        self._begin(now)
        self._replies.open()
        self._resumed = self.options.reseed and bool(self._history)
        if self.options.configure:
            self._configure(now, first=True)

    def update(self, options: OmniOptions, now: float) -> None:
        """Take new options; if the agent changes, a second, whole ``configure`` says so."""
        before, self.options = self.options, options
        self._replies.quiet = options.reply_quiet
        if options.configure and options.asked() != before.asked():
            self._configure(now, first=False)

    def answer(self, call_id: str, result: object) -> list[OmniEvent]:
        """Answer a tool call; without effect where it is answered or void. ``result`` is anything that JSON can say."""
        if not self._tools.close(call_id):
            return []
        message, fault = answer_message(call_id, result)
        self._outgoing.append(message)
        return [self._problem(f"The result of tool call {call_id} {fault}", "tool_result")] if fault else []

    def fail(self, call_id: str, error: str) -> None:
        """Answer a tool call with an error; without effect where it is answered or void."""
        if self._tools.close(call_id):
            self._outgoing.append(failure_message(call_id, error))

    def press(self, digits: str) -> None:
        """Send touch tones, one message each, as soon as the service has taken the agent as it is to be.

        Until then the last 64 are kept, over lost connections too. Raises ConfigurationError for what is no touch tone.
        """
        self._digits.extend(touch_tones(digits))

    def interrupt(self, now: float) -> list[OmniEvent]:
        """Drop the agent's turn on our own account; the wire has no word for it, so the service is not told."""
        return self._noted(self._replies.interrupt("client", now))

    def close(self) -> None:
        """Say that the call ends."""
        self._send("session_ending")

    def data_to_send(self) -> list[bytes]:
        """Return the messages to send now, in order; each is returned once."""
        while self._digits and self._ready:
            digit = self._digits.popleft()
            self._send("dtmf", digit=digit, digits=digit)
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    @property
    def _ready(self) -> bool:
        """Whether the call has begun and its agent is configured."""
        return self.output_rate is not None and not any(first for *_, first in self._unconfirmed)

    def _configure(self, now: float, *, first: bool) -> None:
        asked = self.options.asked()
        if self._resumed:
            asked |= {"persona": self._history.persona(self.options.persona or ""), "greeting": ""}
        self._unconfirmed.append((asked, now, first))
        self._send("configure", **asked)

    def _send(self, kind: str, **fields: Any) -> None:
        keys = {"type": kind, "event": kind} if self.options.both_keys else {"type": kind}
        self._outgoing.append(control_message({**keys, **fields}))

    # What happens

    def receive(self, message: Message, now: float) -> list[OmniEvent]:
        """Digest one message; what is no message of the protocol gives a Problem, an unknown event is passed on."""
        match read_server_message(message):
            case Audio(pcm):
                return self._noted(self._audio(pcm, now))
            case Words() as words:
                return self._noted(self._words(words, now))
            case Control(fields):
                return self._noted(self._control(fields, now))
            case malformed:
                return self._malformed(malformed.reason, message)

    def tick(self, now: float) -> list[OmniEvent]:
        """Do what is due: end a reply, answer a tool call whose time is up, give up a silent service."""
        events = self._replies.tick(now)
        for call_id in self._tools.overdue(now):
            self._outgoing.append(failure_message(call_id, "the tool did not answer in time"))
            events.append(ToolCallClosed(call_id, "timeout"))
        return self._noted([*events, *self._check_confirmation(now)])

    def lost(self, now: float) -> list[OmniEvent]:
        """The connection is gone: end what is open; no tool call of it can be answered any more."""
        closed = [ToolCallClosed(call_id, "disconnected") for call_id in self._tools.void()]
        return self._noted([*self._caller.finish(now), *self._replies.end(interrupted=not self.ended), *closed])

    def _noted(self, events: list[OmniEvent]) -> list[OmniEvent]:
        for event in events:
            self._history.note(event)
        return events

    def _audio(self, pcm: bytes, now: float) -> list[OmniEvent]:
        if not pcm:
            return []
        if self.output_rate is not None:
            return self._replies.audio(pcm, self.output_rate, now)
        self._early += pcm
        if len(self._early) > _MOST_EARLY:
            self._give_up("The service sends audio and does not say its rate")
        return []

    def _words(self, words: Words, now: float) -> list[OmniEvent]:
        sequence = self._sequences.get(words.speaker, 0)
        if words.sequence is not None and words.sequence < sequence:
            return []
        self._sequences[words.speaker] = words.sequence or sequence
        if words.speaker == "agent":
            return self._replies.words(words, now)
        return [*self._replies.caller_spoke(now), *self._caller.words(words, now)]

    def _control(self, fields: dict[str, Any], now: float) -> list[OmniEvent]:
        name, kind = text_of(fields, "event"), text_of(fields, "type")
        if not name and kind == "audio_position":
            name = kind  # the one event that older services key on type
        match name:
            case "hello" | "session_started":
                return self._started(fields, now)
            case "configured" | "config_ack":
                return self._configured(fields, now)
            case "turn_begin" | "turn":
                return self._turn(name, fields, now)
            case "transcript":
                return self._transcript(fields, now)
            case "flush" | "barge_in" | "assistant_interrupted":
                return self._interrupted(name, fields, now)
            case "tool_call":
                return self._tool_call(fields, now)
            case "session_end" | "session_ending":
                self.ended = True
                return [*self._caller.finish(now), *self._replies.end()]
            case "error" | "":
                return self._error(fields, kind)
            case _:
                return [notice(name, fields)]

    # The call and its configuration

    def _started(self, fields: dict[str, Any], now: float) -> list[OmniEvent]:
        self.call_id = self.call_id or text_of(fields, "call_id")
        return self._announced(fields, now)

    def _announced(self, fields: dict[str, Any], now: float) -> list[OmniEvent]:
        """Learn the rate of the agent's audio, and deliver what waited for it."""
        if "audio_out" not in fields:
            return []
        rate, before = announced_rate(fields["audio_out"]), self.output_rate
        if rate is None:
            self._give_up(f"The service announces audio as {str(fields['audio_out'])[:40]!r}, which is not known")
            return []
        self.output_rate = rate
        if before is None:
            early, self._early = bytes(self._early), bytearray()
            waited = self._replies.audio(early, rate, now) if early else []
            return [CallStarted(self.call_id, rate), *waited]
        contradiction = f"The service announced audio at {before} and now at {rate}"
        return [] if rate == before else [Problem(ProtocolError(contradiction, code="audio_out"))]

    def _configured(self, fields: dict[str, Any], now: float) -> list[OmniEvent]:
        events = [*self._announced(fields, now), read_configured(fields)]
        if not self._unconfirmed:
            return events
        asked, _, first = self._unconfirmed.popleft()
        self.confirmed = True
        complaints = dropped(asked, fields)
        if not complaints:
            return events
        hint = 'Ask for what it offers; on_mismatch="report" goes on with what it has'
        error = RequestError(f"The service dropped: {', '.join(complaints)}", code="configure_mismatch", hint=hint)
        return [*events, *self._mismatch(error, fatal=first and self.options.on_mismatch == "fail")]

    def _check_confirmation(self, now: float) -> list[OmniEvent]:
        limit = self.options.confirm_timeout
        if self._unconfirmed and now - self._unconfirmed[0][1] >= limit:
            asked, _, first = self._unconfirmed.popleft()
            said = f"The service did not confirm configure within {limit:g} s; perhaps dropped: {describe(asked)}"
            error = StalledError(said, code="not_confirmed", hint="Is base_url a PyAI server?")
            error.retryable = self.confirmed  # one that never confirmed will not do so now
            return self._mismatch(error, fatal=first)
        if self.output_rate is None and now - self._opened_at >= limit:
            self._give_up(f"The service did not announce the rate of its audio within {limit:g} s")
        return []

    def _mismatch(self, error: PyAIError, *, fatal: bool) -> list[OmniEvent]:
        if not fatal:
            return [Problem(error)]
        self.failure = self.failure or error
        return []

    def _give_up(self, said: str) -> None:
        self.failure = self.failure or ProtocolError(said, code="audio_out", hint="Check base_url")

    # Who speaks

    def _turn(self, name: str, fields: dict[str, Any], now: float) -> list[OmniEvent]:
        if text_of(fields, "role") in ("user", "caller"):
            return [ServiceEvent(name, fields)]
        turn, waited = number(fields, "turn"), number(fields, "since_caller_end_ms")
        began = self._replies.turn(None if turn is None else int(turn), None if waited is None else waited / 1000)
        return _before_last(self._caller.finish(now), began) if began else []

    def _transcript(self, fields: dict[str, Any], now: float) -> list[OmniEvent]:
        words = transcript(fields)
        if isinstance(words, Malformed):
            return self._malformed(words.reason, b"")
        return self._words(words, now)

    def _interrupted(self, name: str, fields: dict[str, Any], now: float) -> list[OmniEvent]:
        reason = text_of(fields, "reason") or name
        events = self._replies.interrupt(reason, now)
        return [*events, *self._replies.spoken(text_of(fields, "reply"))] if name == "assistant_interrupted" else events

    # Tools

    def _tool_call(self, fields: dict[str, Any], now: float) -> list[OmniEvent]:
        call = read_call(fields)
        if call is None:
            return self._malformed("a tool call without an id", b"")
        if self._tools.knows(call.call_id):
            return []
        tool = next((tool for tool in self.options.tools if tool.name == call.name), None)
        budget = (tool.timeout if tool else None) or self.options.tool_timeout
        fault = call.fault or ("" if tool else f"there is no tool {call.name[:64]}")
        if not self._tools.admit(call.call_id, now + budget):
            self._outgoing.append(failure_message(call.call_id, "too many calls at once"))
            return [self._problem("The service calls more tools at once than are answered", "tool_calls")]
        if fault:
            self.fail(call.call_id, fault)
            return [self._problem(f"A tool call was refused: {fault}", "tool_call")]
        return [ToolCalled(call.call_id, call.name, call.arguments, budget)]

    # Trouble

    def _error(self, fields: dict[str, Any], kind: str) -> list[OmniEvent]:
        code, said = error_of(fields)
        said = said or text_of(fields, "detail") or text_of(fields, "error")
        if kind not in ("", "error"):
            return [ServiceEvent(kind, fields)]
        if said or code or kind or text_of(fields, "event"):
            return [Problem(service_error(said or "The service reported an error", code=code))]
        return self._malformed("an event without a name", b"")

    def _malformed(self, reason: str, message: Message) -> list[OmniEvent]:
        if text_of(read_object(message) or {}, "type") == "session.created":
            self.failure = ProtocolError(
                "This address speaks OpenAI's Realtime events, not PyAI's",
                code="openai_realtime",
                hint="Use /v1/omni of a PyAI server, or an OpenAI client",
            )
            return []
        self._complaints += 1
        return [self._problem(f"The service sent {reason}", "invalid_message")] * (self._complaints <= _MOST_COMPLAINTS)

    def _problem(self, said: str, code: str) -> Problem:
        return Problem(ProtocolError(said, code=code))


def _before_last(first: list[OmniEvent], events: list[OmniEvent]) -> list[OmniEvent]:
    """Return the end of the old reply, the caller's words, and then the beginning of the turn that answers them."""
    return [*events[:-1], *first, events[-1]]
