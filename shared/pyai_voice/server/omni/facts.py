"""What happens in an Omni conversation, without a word of any wire: frozen dataclasses, a closed union.

Above: the framings (``native``, ``openai``) and the call record. Times are seconds. A *reply* is one uninterrupted
stretch of the agent's speech, named ``reply_1``, ``reply_2`` ...; an *utterance* is one of the caller's, ``utt_1`` ...
The order is always: TurnBegan, then AgentWords and AgentAudio (words before their audio) and ToolWanted, then exactly
one of TurnEnded and Interrupted. After Interrupted nothing of that reply comes any more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = [
    "AgentAudio",
    "AgentWords",
    "AudioPosition",
    "CallControl",
    "CallerSaid",
    "CallerStarted",
    "CallerStopped",
    "CallerWords",
    "DigitsPressed",
    "Ended",
    "Fact",
    "IdlePrompted",
    "Interrupted",
    "KnowledgeQueried",
    "ToolFinished",
    "ToolWanted",
    "Trigger",
    "Trouble",
    "TurnBegan",
    "TurnEnded",
]

Trigger = Literal["greeting", "caller", "digits", "tools", "idle", "request", "resume"]
"""Why the agent speaks: it greets, the caller has finished or pressed keys, results of tools are there, the caller is
silent, the client asked, or it goes on after a word of the caller that was no interruption."""


@dataclass(frozen=True, slots=True)
class CallerStarted:
    """The caller began to speak."""

    utterance: str
    at: float
    """Position of the caller's audio where the speech began."""


@dataclass(frozen=True, slots=True)
class CallerStopped:
    """The caller's utterance is over, or it was no speech; with words it is followed by CallerSaid."""

    utterance: str
    at: float
    """Position of the caller's audio where the speech ended."""


@dataclass(frozen=True, slots=True)
class CallerWords:
    """What the open utterance says so far; replaces the last one."""

    utterance: str
    text: str
    stable: str
    """The prefix of ``text`` that stays as it is, mostly; may be empty."""
    reading: str
    """What was read this time, without memory of earlier readings."""
    at: float
    """Position of the caller's audio up to which was read."""


@dataclass(frozen=True, slots=True)
class CallerSaid:
    """The words of a finished utterance. Comes once for each utterance that had words, and once for every commit."""

    utterance: str
    text: str
    """Empty only after a commit without words."""
    began: float
    ended: float
    """Positions of the caller's audio."""
    committed: bool = False
    """The client ended it."""


@dataclass(frozen=True, slots=True)
class DigitsPressed:
    """The caller pressed these keys; the agent has been told."""

    digits: str


@dataclass(frozen=True, slots=True)
class TurnBegan:
    """The agent begins to answer."""

    reply: str
    number: int
    """Grows; a reply that was never begun leaves a gap."""
    trigger: Trigger
    waited: float | None = None
    """Seconds since the caller stopped speaking; None where the caller had not spoken."""


@dataclass(frozen=True, slots=True)
class AgentWords:
    """A sentence that is about to be spoken; its audio follows."""

    reply: str
    text: str
    """With the space before it where it follows another one: the texts of a reply, joined, are the reply."""


@dataclass(frozen=True, slots=True)
class AgentAudio:
    """Speech: pcm16 mono at the conversation's ``output_rate``, at most 0.1 s. Comes faster than it plays."""

    reply: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """Everything of a reply has been handed out; its last second may still be playing."""

    reply: str
    text: str
    seconds: float
    """Of audio."""
    tools: int = 0
    """How many tools it asked for: another turn follows their results."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The reply stops here: whatever was handed out and has not been played is to be dropped.

    May also come after TurnEnded, while the reply's last second is still playing.
    """

    reply: str
    reason: Literal["caller", "client"]
    spoken: str
    """The words that were heard, computed from what was handed out and how much time it had to be played."""
    seconds: float
    """Of the reply's audio that were heard."""


@dataclass(frozen=True, slots=True)
class AudioPosition:
    """How far the agent's speech is ahead."""

    reply: str
    sent: float
    """Seconds of the reply that were handed out."""
    realtime: float
    """Seconds since its first sound was handed out."""


@dataclass(frozen=True, slots=True)
class ToolWanted:
    """The client is to carry out a tool; the answer goes to ``Conversation.answer_tool``."""

    reply: str
    call_id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A tool call is over, whoever carried it out."""

    call_id: str
    name: str
    arguments: dict[str, Any]
    result: Any
    error: str
    """Why there is no result; empty where there is one."""
    seconds: float
    by: Literal["client", "webhook"]


@dataclass(frozen=True, slots=True)
class CallControl:
    """The transport is to do something; nobody answers."""

    reply: str
    name: str
    """transfer_to_human, send_dtmf, play_hold, collect or end_call."""
    fields: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class KnowledgeQueried:
    """A knowledge base was asked for the caller's words."""

    ids: tuple[str, ...]
    """Of the passages found; empty where there are none."""
    reason: str = ""
    """Why there are none: no_match, timeout, error or blocked."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class IdlePrompted:
    """The caller has said nothing for long: the agent asks whether somebody is there."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something failed; the conversation goes on."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The conversation is over: the last fact."""

    reason: Literal["agent", "time_limit", "engine_failed", "closed"]
    """The agent ended the call, it lasted too long, an engine failed for good, or ``finish`` was called."""


Fact = (
    CallerStarted
    | CallerStopped
    | CallerWords
    | CallerSaid
    | DigitsPressed
    | TurnBegan
    | AgentWords
    | AgentAudio
    | TurnEnded
    | Interrupted
    | AudioPosition
    | ToolWanted
    | ToolFinished
    | CallControl
    | KnowledgeQueried
    | IdlePrompted
    | Trouble
    | Ended
)
"""Everything that a conversation yields."""
