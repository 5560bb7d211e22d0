"""What a :class:`~.server.FaultyServer` saw: one record for each connection and each Speak request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..protocol.hear.wire import read_object, text_of

__all__ = ["HearRecord", "OmniRecord", "SpeakRecord", "StreamRecord"]


@dataclass(slots=True)
class StreamRecord:
    """One attempt to open a WebSocket, refused ones included."""

    at: float
    """When it came, on the clock of ``time.monotonic()``."""
    query: dict[str, str]
    """Parameters of the address; a key among them is hidden."""
    subprotocols: tuple[str, ...]
    """What was offered; the key is hidden."""
    accepted: bool = False
    """Whether the stream was opened."""
    open: bool = True
    """Whether the connection is still there."""
    audio: bytearray = field(default_factory=bytearray)
    """The audio that came on it: pcm16 mono at the query's ``sample_rate`` (Hear) or ``rate`` (Omni)."""


@dataclass(slots=True)
class HearRecord(StreamRecord):
    """A Hear stream."""

    texts: list[str] = field(default_factory=list[str])
    """Text messages of the client, in order."""
    told: list[str] = field(default_factory=list[str])
    """Text messages to the client, in order."""

    @property
    def commits(self) -> int:
        """How many commits came."""
        return sum(text_of(read_object(text) or {}, "type").endswith("commit") for text in self.texts)


@dataclass(slots=True)
class OmniRecord(StreamRecord):
    """An Omni call."""

    controls: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Control messages of the client (``configure``, ``tool_result`` ...), in order, before a fault saw them."""
    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Events that the client got, in order."""
    pieces: int = 0
    """How many messages of the agent's audio the client got."""

    def kind(self, kind: str) -> list[dict[str, Any]]:
        """Return the client's control messages of one ``type``."""
        return [each for each in self.controls if each.get("type") == kind]


@dataclass(slots=True)
class SpeakRecord:
    """One request to Speak."""

    at: float
    """When it came, on the clock of ``time.monotonic()``."""
    fields: dict[str, Any] = field(default_factory=dict[str, Any])
    """The JSON body; empty while it has not come, and where it was not read."""
    sent: int = 0
    """Bytes of the answer's body that were sent."""
    open: bool = True
    """Whether the request is being answered."""
