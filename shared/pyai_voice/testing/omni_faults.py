"""What can go wrong in an Omni call: one small class for each fault. Those of any connection are in :mod:`.faults`.

``after_bytes`` counts the caller's audio. Make your own from :class:`~.faults.OmniFault`. The generations of PyAI's
Omni differ in their words as well: ``Settings(omni_dialect=...)`` of the server, see
:class:`~pyai_voice.protocol.omni.server.Dialect`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..protocol.hear.wire import text_of
from ..protocol.omni.wire import AUDIO, Control, control_message, read_client_message, read_server_message
from .faults import OmniFault

if TYPE_CHECKING:
    from .lines import OmniLine

__all__ = [
    "AudioAfterFlush",
    "AudioBeforeHello",
    "BreakReply",
    "ConfirmedTwice",
    "Events",
    "HalfSamples",
    "LateConfirmation",
    "LateToolResult",
    "NoConfirmation",
    "NoToolResult",
    "ToolCalledTwice",
    "WrongConfirmation",
]

_TAG = bytes((AUDIO,))
_GHOST = _TAG + bytes(4800)
"""A tenth of a second at 24 kHz."""


def event_of(message: bytes) -> tuple[str, dict[str, Any]]:
    """Return the name and the fields of one of the server's events; empty for audio and words."""
    read = read_server_message(message)
    fields = read.fields if isinstance(read, Control) else {}
    return text_of(fields, "event"), fields


def _confirms(message: bytes) -> bool:
    return event_of(message)[0] in ("configured", "config_ack")


def _answers_tool(message: bytes) -> bool:
    read = read_client_message(message)
    return isinstance(read, Control) and text_of(read.fields, "type") == "tool_result"


@dataclass(frozen=True)
class Events(OmniFault):
    """Send these events after so many bytes of the caller's audio, whatever they are: errors, unknown ones; go on."""

    events: tuple[Mapping[str, Any], ...]
    after_bytes: int | None = 0

    async def strike(self, line: OmniLine) -> None:
        """Send them."""
        for fields in self.events:
            await line.say(control_message(dict(fields)))


@dataclass(frozen=True)
class BreakReply(OmniFault):
    """In the middle of a reply, after so many of its audio messages, drop the connection, or close it with a code."""

    messages: int = 3
    code: int | None = None

    async def agent(self, line: OmniLine, message: bytes) -> None:
        """Break it."""
        await line.say(message)
        if message[:1] == _TAG and line.record.pieces == self.messages:
            if self.code is None:
                line.abort()
            else:
                await line.close(self.code)


class NoConfirmation(OmniFault):
    """No ``configure`` is ever confirmed."""

    async def agent(self, line: OmniLine, message: bytes) -> None:
        """Swallow confirmations."""
        if not _confirms(message):
            await line.say(message)


@dataclass(frozen=True)
class LateConfirmation(OmniFault):
    """A ``configure`` is confirmed so many seconds late; the greeting comes before."""

    seconds: float

    async def agent(self, line: OmniLine, message: bytes) -> None:
        """Put a confirmation off."""
        if _confirms(message):
            line.say_later(self.seconds, message)
        else:
            await line.say(message)


class ConfirmedTwice(OmniFault):
    """Each ``configure`` is confirmed twice."""

    async def agent(self, line: OmniLine, message: bytes) -> None:
        """Repeat a confirmation."""
        await line.say(message)
        if _confirms(message):
            await line.say(message)


@dataclass(frozen=True)
class WrongConfirmation(OmniFault):
    """What is confirmed is something else, e.g. ``{"tools": 0}`` or ``{"voice_id": "onyx"}``."""

    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])

    async def agent(self, line: OmniLine, message: bytes) -> None:
        """Change a confirmation."""
        await line.say(control_message({**event_of(message)[1], **self.fields}) if _confirms(message) else message)


class AudioBeforeHello(OmniFault):
    """The agent's audio comes before ``hello`` says its rate."""

    async def agent(self, line: OmniLine, message: bytes) -> None:
        """Send audio first."""
        if event_of(message)[0] == "hello":
            await line.say(_GHOST)
        await line.say(message)


@dataclass(frozen=True)
class HalfSamples(OmniFault):
    """The agent's audio comes in messages of an odd number of bytes, which the protocol forbids."""

    size: int = 999

    async def agent(self, line: OmniLine, message: bytes) -> None:
        """Split audio."""
        if message[:1] != _TAG:
            await line.say(message)
            return
        for start in range(1, len(message), self.size):
            await line.say(_TAG + message[start : start + self.size])


class AudioAfterFlush(OmniFault):
    """More audio of a reply comes after the interruption that ended it."""

    async def agent(self, line: OmniLine, message: bytes) -> None:
        """Send a ghost."""
        await line.say(message)
        if event_of(message)[0] == "flush":
            await line.say(_GHOST)


class ToolCalledTwice(OmniFault):
    """Each ``tool_call`` comes twice."""

    async def agent(self, line: OmniLine, message: bytes) -> None:
        """Repeat a call."""
        await line.say(message)
        if event_of(message)[0] == "tool_call":
            await asyncio.sleep(0)
            await line.say(message)


class NoToolResult(OmniFault):
    """The client's answers to tool calls are lost on the way: the service says that the tool was not in time."""

    async def caller(self, line: OmniLine, message: bytes) -> bytes | None:
        """Lose an answer."""
        return None if _answers_tool(message) else message


@dataclass(frozen=True)
class LateToolResult(OmniFault):
    """The client's answers to tool calls reach the service so many seconds late."""

    seconds: float

    async def caller(self, line: OmniLine, message: bytes) -> bytes | None:
        """Put an answer off."""
        if not _answers_tool(message):
            return message
        line.hear_later(self.seconds, message)
        return None
