"""What an Omni stream tells: one frozen dataclass per fact, the same words on every host.

Durations are seconds; audio is 16-bit little-endian mono. The wire's own names are in brackets (PyAI's protocol, Omni,
"Server to client events"). ``None`` means that the service does not say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .events import AudioLost, Connected, Disconnected, Problem

__all__ = [
    "AgentTurnBegan",
    "AudioPosition",
    "CallEnded",
    "CallStarted",
    "CallerTranscript",
    "CollectRequested",
    "Configured",
    "DigitHeard",
    "DigitsRequested",
    "HangUpRequested",
    "HoldRequested",
    "IdlePrompt",
    "Interrupted",
    "KnowledgeQueried",
    "OmniEvent",
    "ReplyAudio",
    "ReplyEnded",
    "ReplyStarted",
    "ReplyText",
    "ReplyTruncated",
    "ServiceEvent",
    "ToolCallClosed",
    "ToolCalled",
    "TransferRequested",
]


@dataclass(frozen=True, slots=True)
class CallStarted:
    """The service has opened a call (``hello``). Comes once for each connection, before any audio."""

    call_id: str
    """The service's name for the phone call; empty where it gives none."""
    output_rate: int
    """Samples a second of the agent's audio as the service sends it."""


@dataclass(frozen=True, slots=True)
class Configured:
    """The service has confirmed a ``configure`` (``configured`` or ``config_ack``)."""

    voice: str | None = None
    language: str | None = None
    """The language in use."""
    greeting: bool | None = None
    """Whether the agent greets."""
    tools: int | None = None
    """How many tools it has."""
    knowledge: bool | None = None
    """Whether a knowledge base is bound."""
    endpointing: float | None = None
    """Trailing silence that ends the caller's turn, in seconds."""


@dataclass(frozen=True, slots=True)
class CallerTranscript:
    """The caller's words of one utterance as known now: replaces the earlier ones of that utterance."""

    text: str
    """Never empty."""
    utterance: str
    """Which utterance."""
    final: bool = False
    """The utterance is over: the agent's turn began, or the service said so."""
    amended: bool = False
    """More words of an utterance that was final already (they came just after the agent's turn began)."""


@dataclass(frozen=True, slots=True)
class AgentTurnBegan:
    """The service has decided that it is the agent's turn (``turn_begin`` or ``turn``)."""

    turn: int | None = None
    """Its number, increasing; None where the service gives none."""
    waited: float | None = None
    """Seconds since the end of the caller's speech."""


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """The agent's reply has its first words or sound."""

    reply: str
    """Which reply; the same in all that belongs to it."""


@dataclass(frozen=True, slots=True)
class ReplyAudio:
    """Part of a reply's sound; it may come faster than real time."""

    reply: str
    pcm: bytes
    """Whole samples, never empty."""
    rate: int
    """Samples a second."""


@dataclass(frozen=True, slots=True)
class ReplyText:
    """Words of a reply, as the service synthesises them."""

    reply: str
    text: str
    """The whole reply as known now."""
    segment: str
    """The part that this message is about."""
    final: bool
    """The segment will not change any more; each segment is final once."""


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """A reply is complete or was interrupted. Comes once for each :class:`ReplyStarted`.

    The wire has no such message: it is inferred from the time its audio takes and quiet after it.
    """

    reply: str
    text: str
    """Its words; of an interrupted one see also :class:`ReplyTruncated`."""
    seconds: float
    """How much audio was delivered."""
    interrupted: bool = False
    """It was cut: by an interruption, or by a lost connection (then without an :class:`Interrupted`)."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Stop playing at once and drop what waits: nothing of the interrupted turn comes after this.

    ``flush``, ``barge_in`` and ``assistant_interrupted`` of one interruption give one such event.
    """

    reply: str
    """The reply that was open, else empty: its audio may still be playing."""
    reason: str = ""
    """The service's word, e.g. ``energy``; ``client`` for our own."""


@dataclass(frozen=True, slots=True)
class ReplyTruncated:
    """What the caller heard of an interrupted reply (``assistant_interrupted``): a prefix of its text."""

    reply: str
    text: str


@dataclass(frozen=True, slots=True)
class AudioPosition:
    """How much agent audio the service has sent, against real time (``audio_position``)."""

    sent: float | None = None
    """Seconds."""
    realtime: float | None = None
    """Seconds."""


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """The agent wants a tool (``tool_call``): answer it with the stream's ``answer`` or ``fail``."""

    call_id: str
    """Which invocation; comes once."""
    name: str
    arguments: dict[str, Any]
    budget: float
    """Seconds for the answer."""


@dataclass(frozen=True, slots=True)
class ToolCallClosed:
    """A tool call needs no answer any more: stop the work."""

    call_id: str
    reason: str
    """``timeout``: we have answered for it; ``disconnected``: nobody waits any longer."""


@dataclass(frozen=True, slots=True)
class TransferRequested:
    """Connect the caller to a person (``transfer_to_human``). Needs no answer, as all requests of call control."""

    destination: str
    fields: dict[str, Any]
    """All that the service said, as it is."""


@dataclass(frozen=True, slots=True)
class DigitsRequested:
    """Play these touch tones to the other side (``send_dtmf``)."""

    digits: str


@dataclass(frozen=True, slots=True)
class HoldRequested:
    """Play hold music (``play_hold``)."""

    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class CollectRequested:
    """Collect something of the caller (``collect``)."""

    field: str
    kind: str
    """``speech`` or ``dtmf``."""


@dataclass(frozen=True, slots=True)
class HangUpRequested:
    """End the call once what waits has been played (``end_call``)."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class DigitHeard:
    """The service has taken a digit (``dtmf``)."""

    digits: str


@dataclass(frozen=True, slots=True)
class IdlePrompt:
    """The caller has said nothing for long; the agent asks (``idle_prompt``)."""


@dataclass(frozen=True, slots=True)
class KnowledgeQueried:
    """The knowledge base was asked (``kb_query``)."""

    found: bool
    reason: str = ""
    """Why nothing was found, e.g. ``no_kb``."""
    passages: tuple[str, ...] = ()
    """Ids of what was found."""


@dataclass(frozen=True, slots=True)
class ServiceEvent:
    """An event that this version does not know; the set is open."""

    name: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The call is over. The last event of a stream."""

    reason: str
    """``service``: it said so (``session_end``) or closed normally; ``client``: the stream was closed here."""


OmniEvent = (
    CallStarted
    | Configured
    | CallerTranscript
    | AgentTurnBegan
    | ReplyStarted
    | ReplyAudio
    | ReplyText
    | ReplyEnded
    | Interrupted
    | ReplyTruncated
    | AudioPosition
    | ToolCalled
    | ToolCallClosed
    | TransferRequested
    | DigitsRequested
    | HoldRequested
    | CollectRequested
    | HangUpRequested
    | DigitHeard
    | IdlePrompt
    | KnowledgeQueried
    | ServiceEvent
    | CallEnded
    | Connected
    | Disconnected
    | AudioLost
    | Problem
)
"""Everything that an Omni stream yields."""
