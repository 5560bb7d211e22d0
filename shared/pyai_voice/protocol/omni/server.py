"""The server's side of an Omni call: client messages in, calls out; facts in, messages out; no socket, no clock.

Above: the server that owns the socket, the ears, the brain and the voice. Below: :mod:`.wire` and :mod:`.request`.

Rules, with their source in PyAI's protocol (Omni native):

* ``hello`` then ``session_started`` come before anything else; each ``configure`` is confirmed once;
* a control message is keyed on ``type``; one that is keyed on ``event`` alone changes nothing, and is told so;
* what has no tag is dropped and counted, the call goes on;
* the agent's words are events, the caller's are tag 0x02;
* after an interruption nothing of that turn is sent: audio and words wait for the next turn to begin;
* a tool call that is not answered in time is answered by the server; what comes later for it is ignored.

A message never makes it raise. Every ``now`` is in seconds of one clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ...omni_options import OmniOptions
from ..hear.wire import text_of
from .request import OmniRequest, read_agent
from .tools import LARGEST_RESULT, shortened
from .wire import (
    LONGEST_TEXT,
    TOUCH_TONES,
    WORDS,
    Audio,
    Malformed,
    Message,
    audio_message,
    compact,
    control_message,
    read_client_message,
    words_message,
)

__all__ = ["CallerAudio", "Configure", "Dialect", "Digits", "HangUp", "OmniCall", "OmniServer", "ToolAnswered"]

TOOL_TIMEOUT = 5.0
"""Seconds for the answer to a tool call where the tool does not say."""
_LONGEST_SPOKEN = 500
"""Characters of what was spoken of an interrupted reply."""
_CALL_CONTROL = frozenset({"transfer_to_human", "send_dtmf", "play_hold", "collect", "end_call"})


@dataclass(frozen=True, slots=True)
class Dialect:
    """In what the generations of the service differ; for tests of clients."""

    confirmation: Literal["configured", "config_ack"] = "configured"
    words_as_json: bool = False
    """The caller's words as JSON transcripts of the whole utterance instead of plain deltas."""
    position_key: Literal["event", "type"] = "event"
    takes_event_key: bool = False
    """Apply a control message that is keyed on ``event`` alone."""
    announces_turns_twice: bool = False
    """Say ``turn`` as well as ``turn_begin``."""


@dataclass(frozen=True, slots=True)
class CallerAudio:
    """The caller's sound: whole samples, never empty."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class Configure:
    """Be this agent from now on; answer with one :meth:`OmniServer.confirm`."""

    agent: OmniOptions
    """Everything as it is now, not only what changed."""


@dataclass(frozen=True, slots=True)
class Digits:
    """The caller pressed these."""

    digits: str


@dataclass(frozen=True, slots=True)
class ToolAnswered:
    """A tool call is over: the client's answer, or ours because the time was up."""

    call_id: str
    name: str
    result: Any = None
    error: str = ""
    """Why there is no result; empty where there is one."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """The client ends the call; :meth:`OmniServer.end` has been said already: close with 1000."""


OmniCall = CallerAudio | Configure | Digits | ToolAnswered | HangUp
"""Everything that a client can ask for."""


@dataclass(slots=True)
class _Pending:
    name: str
    due: float


class OmniServer:
    """One Omni call as the server sees it.

    Call :meth:`open` first. Hand every incoming message to :meth:`receive` and do what it returns, call :meth:`tick`
    often; after any call send every item of :meth:`data_to_send`.
    """

    def __init__(self, request: OmniRequest, call_id: str, *, dialect: Dialect | None = None) -> None:
        self.request = request
        self.call_id = call_id
        self.agent = OmniOptions()
        """What was configured so far."""
        self.dropped = 0
        """How many messages were no messages of the protocol."""
        self._dialect = dialect or Dialect()
        self._unconfirmed = 0
        self._ignored: list[str] = []
        self._turn = 0
        self._silenced = False
        self._caller_text = ""
        self._tools: dict[str, _Pending] = {}
        self._tool_count = 0
        self._complaints: set[str] = set()
        self._ended = False
        self._outgoing: list[bytes] = []

    def data_to_send(self) -> list[bytes]:
        """Return the messages to send since the last call, in order."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    # What the client says

    def receive(self, message: Message, now: float) -> list[OmniCall]:
        """Digest one message of the client; never raises."""
        match read_client_message(message):
            case Audio(pcm):
                return [CallerAudio(pcm)] if pcm else []
            case Malformed(reason):
                self.dropped += 1
                self._complain(f"{reason} was dropped")
                return []
            case control:
                return self._control(control.fields, now)

    def tick(self, now: float) -> list[OmniCall]:
        """Answer the tool calls whose time is up."""
        late = [call_id for call_id, pending in self._tools.items() if now >= pending.due]
        return [
            ToolAnswered(each, self._tools.pop(each).name, error="the tool did not answer in time") for each in late
        ]

    def _control(self, fields: dict[str, Any], now: float) -> list[OmniCall]:
        kind, other = text_of(fields, "type"), text_of(fields, "event")
        if not kind and other:
            if not self._dialect.takes_event_key:
                return self._mistaken(other)
            kind = other
        match kind:
            case "configure":
                return self._configure(fields)
            case "dtmf":
                return self._digits(fields)
            case "tool_result":
                return self._tool_result(fields, now)
            case "session_ending":
                self.end()
                return [HangUp()]
            case "":
                self.dropped += 1
                self._complain("a control message without a type was dropped")
            case _:
                pass  # input_text and what may come: not honoured, no error
        return []

    def _mistaken(self, name: str) -> list[OmniCall]:
        """Change nothing for a message that is keyed on ``event``; a configure is confirmed, as having no effect."""
        if name == "configure":
            self._confirm({"greeting": False, "kb": False, "tools": 0})
        said = f"control messages are keyed on type, not on event: {name[:40]} was dropped"
        self._send("warning", code="client_used_event_key", message=said)
        return []

    def _configure(self, fields: dict[str, Any]) -> list[OmniCall]:
        self.agent, complaints, self._ignored = read_agent(fields, self.agent)
        for complaint in complaints:
            self.error("invalid_request", complaint)
        self._unconfirmed += 1
        return [Configure(self.agent)]

    def _digits(self, fields: dict[str, Any]) -> list[OmniCall]:
        digits = (text_of(fields, "digits") or text_of(fields, "digit")).upper()
        if TOUCH_TONES.fullmatch(digits):
            return [Digits(digits)]
        self._complain("dtmf without 1 to 64 touch tones (0 to 9, A to D, * and #) was dropped")
        return []

    def _tool_result(self, fields: dict[str, Any], now: float) -> list[OmniCall]:
        call_id = text_of(fields, "call_id")
        pending = self._tools.get(call_id)
        if pending is None or now >= pending.due:
            return []  # answered, late or never asked
        del self._tools[call_id]
        error = fields.get("error")
        if isinstance(error, str) or "result" not in fields:
            return [ToolAnswered(call_id, pending.name, error=str(error or "the answer has neither result nor error"))]
        result, size = shortened(fields["result"]) or (None, 0)  # read just now, it can be written, but for its depth
        if size > LARGEST_RESULT:
            self.error(
                "payload_too_large", f"the result of {pending.name} has {size} bytes, over {LARGEST_RESULT} was cut"
            )
        return [ToolAnswered(call_id, pending.name, result)]

    # What the server has to say

    def open(self) -> None:
        """Greet the client."""
        rates = {
            "audio_in": f"pcm16@{self.request.rate}",
            "audio_out": f"pcm16@{self.request.output_rate}",
        }
        self._send("hello", call_id=self.call_id, protocol=2, **rates)
        self._send("session_started", call_id=self.call_id, **rates)

    def confirm(self, *, voice: str, language: str, greeting: bool, knowledge: bool, tools: int, **more: Any) -> None:
        """Confirm the oldest ``configure`` that is not confirmed yet, with what is really in force."""
        if not self._unconfirmed:
            return
        self._unconfirmed -= 1
        asked = self.agent.language
        fields = {"language": asked or language, "language_active": language}
        fallback = asked is not None and asked.split("-")[0] != language.split("-")[0]
        self._confirm(
            {
                "voice_id": voice,
                **fields,
                "language_fallback": fallback,
                "greeting": greeting,
                "kb": knowledge,
                "tools": tools,
                **more,
            }
        )

    def _confirm(self, fields: dict[str, Any]) -> None:
        details = {"ignored": self._ignored} if self._dialect.confirmation == "config_ack" else {}
        self._send(self._dialect.confirmation, **fields, **details, audio_out=f"pcm16@{self.request.output_rate}")

    def turn_begin(self, waited: float | None = None) -> int:
        """Begin the agent's next turn, ``waited`` seconds after the caller stopped; return its number."""
        self._turn += 1
        self._silenced = False
        self._caller_text = ""
        more = {} if waited is None else {"since_caller_end_ms": round(waited * 1000)}
        if self._dialect.announces_turns_twice:
            self._send("turn", role="assistant")
        self._send("turn_begin", call_id=self.call_id, turn=self._turn, **more)
        return self._turn

    def audio(self, pcm: bytes) -> None:
        """Say something at ``request.output_rate``; dropped where the turn was interrupted."""
        if not self._silenced and not self._ended:
            self._outgoing.append(audio_message(pcm))

    def agent_said(self, text: str, *, final: bool = True) -> None:
        """Say the words of what is being spoken; dropped where the turn was interrupted."""
        if text and not self._silenced:
            self._send("transcript", role="assistant", text=text[:LONGEST_TEXT], final=final)

    def caller_said(self, delta: str, *, final: bool = False) -> None:
        """Say what else the caller said; ``final`` is told in the JSON dialect only."""
        if self._ended or not delta:
            return
        self._caller_text += delta
        if not self._dialect.words_as_json:
            self._outgoing.append(words_message(delta[:LONGEST_TEXT]))
            return
        said = self._caller_text[-LONGEST_TEXT:]
        words = {"event": "transcript", "role": "user", "text": said, "final": final}
        self._outgoing.append(bytes((WORDS,)) + compact(words))

    def interrupt(self, reason: str, spoken: str | None = None) -> None:
        """Stop the agent: the client drops what it has; ``spoken`` is what the caller heard of the reply."""
        if self._silenced:
            return
        self._silenced = True
        self._send("flush", reason=reason)
        if spoken is not None:
            self._send("assistant_interrupted", call_id=self.call_id, reply=spoken[:_LONGEST_SPOKEN])

    def tool_call(self, name: str, arguments: dict[str, Any], now: float) -> str:
        """Have the client carry out a tool; return the id of the call. It ends with one ToolAnswered."""
        self._tool_count += 1
        call_id = f"tc_{self._tool_count}"
        timeout = next((tool.timeout for tool in self.agent.tools if tool.name == name), None)
        self._tools[call_id] = _Pending(name, now + (timeout or TOOL_TIMEOUT))
        self._send("tool_call", call_id=call_id, name=name, arguments=arguments)
        return call_id

    def call_control(self, name: str, **fields: Any) -> None:
        """Ask the transport for something: transfer_to_human, send_dtmf, play_hold, collect or end_call."""
        if name not in _CALL_CONTROL:
            raise ValueError(f"{name} is no call control")
        self._send(name, **fields)

    def audio_position(self, sent: float, realtime: float) -> None:
        """Say how many seconds of audio were sent, and how many have passed."""
        times = {"sent_ms": round(sent * 1000), "realtime_ms": round(realtime * 1000)}
        fields = {self._dialect.position_key: "audio_position", "call_id": self.call_id, **times}
        self._outgoing.append(control_message(fields))

    def knowledge_queried(self, ids: list[str], reason: str = "") -> None:
        """Say what the knowledge base gave; ``reason`` why it gave nothing."""
        self._send("kb_query", none=not ids, reason=reason, top_ids=ids)

    def idle_prompt(self) -> None:
        """Say that the agent asks because the caller is silent."""
        self._send("idle_prompt")

    def error(self, code: str, message: str) -> None:
        """Say that something is wrong; the call goes on."""
        self._send("error", code=code, message=message)

    def end(self) -> None:
        """Say that the call is over: nothing is said after it."""
        self._send("session_end")
        self._ended = True

    def _complain(self, complaint: str) -> None:
        """Say what was dropped, once for each kind."""
        if complaint not in self._complaints and len(self._complaints) < 10:
            self._complaints.add(complaint)
            self.error("invalid_message", complaint)

    def _send(self, event: str, /, **fields: Any) -> None:
        if not self._ended:
            self._outgoing.append(control_message({"event": event, **fields}))
