"""What a client of the Realtime events asks for: frozen dataclasses, a closed union."""

from __future__ import annotations

from dataclasses import dataclass

from .items import Item
from .session import Session

__all__ = ["Answered", "Cancel", "CallerAudio", "Clear", "Commit", "Configure", "RealtimeCall", "Respond"]


@dataclass(frozen=True, slots=True)
class Configure:
    """Behave like this from now on."""

    session: Session


@dataclass(frozen=True, slots=True)
class CallerAudio:
    """The caller's sound, in the session's input format: whole samples, never empty."""

    audio: bytes


@dataclass(frozen=True, slots=True)
class Commit:
    """End the caller's utterance here; answer with one ``caller_said(..., committed=True)``."""


@dataclass(frozen=True, slots=True)
class Clear:
    """Forget what the caller said and nobody has committed."""


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer, and tell it under this id until ``response_ended``."""

    response_id: str
    session: Session
    """As this response has it."""
    items: tuple[Item, ...]
    """The conversation to answer; read them at once."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop answering; the client has been told."""

    response_id: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The client says what a function gave; the answer is among the items of the next response."""

    call_id: str
    """As ``function_wanted`` returned it; or any other, of a conversation that the client replays."""
    output: str


RealtimeCall = Configure | CallerAudio | Commit | Clear | Respond | Cancel | Answered
"""Everything that a client can ask for, beside what is answered at once."""
