"""One connection in the hands of a fault: what the client sends and what it gets, seen from between the two.

Above: :mod:`.layer`. A line is the application's ASGI channel as well, so a fault can hold back or change what passes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from .records import HearRecord, SpeakRecord

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Send

    from .faults import HearFault, SpeakFault

__all__ = ["HearLine", "SpeakLine"]

Pulse = Callable[[], None]
"""Tells the server that a record has changed."""


class _Line:
    """What both kinds have in common. ``transport`` finds the client's TCP connection."""

    def __init__(
        self, receive: Receive, send: Send, transport: Callable[[], asyncio.Transport | None], pulse: Pulse
    ) -> None:
        self._receive = receive
        self._send = send
        self._transport = transport
        self._pulse = pulse
        self._kept: deque[Message] = deque()
        self._ended = asyncio.Event()
        self._lost = False
        self._stalled = False
        self._struck = False

    def abort(self) -> None:
        """Drop the TCP connection without a word."""
        self._ended.set()
        if transport := self._transport():
            transport.abort()

    async def gone(self) -> None:
        """Return when the connection is no more; what the client sends meanwhile is kept for the application."""
        while not self._lost:
            self._kept.append(await self._receive())
            self._lost = self._kept[-1]["type"].endswith(".disconnect")
        self._ended.set()

    async def _next(self) -> Message:
        return self._kept.popleft() if self._kept else await self._receive()


class HearLine(_Line):
    """A Hear stream."""

    def __init__(
        self,
        receive: Receive,
        send: Send,
        transport: Callable[[], asyncio.Transport | None],
        pulse: Pulse,
        record: HearRecord,
        fault: HearFault,
    ) -> None:
        super().__init__(receive, send, transport, pulse)
        self.record = record
        self.fault = fault

    # for faults

    async def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        """Answer the upgrade with plain HTTP."""
        await self._send({"type": "websocket.http.response.start", "status": status, "headers": _raw(headers)})
        await self._send({"type": "websocket.http.response.body", "body": body})
        self._ended.set()

    async def say(self, message: str | bytes) -> None:
        """Send one message to the client."""
        if self._stalled:
            return
        if isinstance(message, str):
            self.record.told.append(message)
        await self._send({"type": "websocket.send", "text" if isinstance(message, str) else "bytes": message})
        self._pulse()

    async def close(self, code: int, reason: str = "") -> None:
        """Close the stream with a close frame; the application finds it closed."""
        self._ended.set()
        await self._send({"type": "websocket.close", "code": code, "reason": reason})

    async def stall(self) -> None:
        """Take and give nothing any more, not even a pong, and keep the connection: a half-open socket."""
        self._stalled = True
        if transport := self._transport():
            transport.pause_reading()

    # for the application

    async def receive(self) -> Message:
        """Return the client's next message, once the fault has seen it."""
        if self._stalled:
            await self._ended.wait()
        if self._ended.is_set():
            return {"type": "websocket.disconnect", "code": 1006}
        message = await self._next()
        self._note(message)
        await self._strike()
        return message

    async def send(self, message: Message) -> None:
        """Hand the server's message to the fault, which passes it on as it likes."""
        if self._ended.is_set():
            raise OSError("the connection is gone")
        if message["type"] == "websocket.send" and message.get("text") is not None:
            await self.fault.tell(self, message["text"])
            return
        await self._send(message)
        if message["type"] == "websocket.accept":
            self.record.accepted = True
            self._pulse()
            await self._strike()

    def _note(self, message: Message) -> None:
        if message["type"] == "websocket.disconnect":
            self._ended.set()
        self.record.audio += message.get("bytes") or b""
        if message.get("text") is not None:
            self.record.texts.append(message["text"])
        self._pulse()

    async def _strike(self) -> None:
        due = self.fault.after_bytes
        if due is not None and not self._struck and len(self.record.audio) >= due and self.record.accepted:
            self._struck = True
            await self.fault.strike(self)


class SpeakLine(_Line):
    """A request to Speak."""

    def __init__(
        self,
        receive: Receive,
        send: Send,
        transport: Callable[[], asyncio.Transport | None],
        pulse: Pulse,
        record: SpeakRecord,
        fault: SpeakFault,
    ) -> None:
        super().__init__(receive, send, transport, pulse)
        self.record = record
        self.fault = fault

    # for faults

    async def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        """Give this whole answer."""
        await self._send({"type": "http.response.start", "status": status, "headers": _raw(headers)})
        await self._send({"type": "http.response.body", "body": body})

    async def write(self, body: bytes) -> None:
        """Send a piece of the body, and no more than the fault's ``after_bytes`` before it strikes."""
        due = self.fault.after_bytes
        if due is None or self._struck or self.record.sent + len(body) < due:
            await self._write(body)
            return
        self._struck = True
        cut = due - self.record.sent
        await self._write(body[:cut])
        await self.fault.strike(self)
        await self._write(body[cut:])

    async def stall(self) -> None:
        """Send nothing any more, and keep the connection until the client drops it."""
        await self.gone()

    # for the application

    async def receive(self) -> Message:
        """Return the next part of the request."""
        return await self._next()

    async def send(self, message: Message) -> None:
        """Pass the head on; hand each piece of the body to the fault. What comes after the end is dropped."""
        if self._ended.is_set():
            return
        if message["type"] != "http.response.body":
            await self._send(message)
            return
        if body := message.get("body"):
            await self.fault.audio(self, body)
        if not message.get("more_body") and not self._ended.is_set():
            await self._send({"type": "http.response.body", "body": b""})

    async def _write(self, body: bytes) -> None:
        if body and not self._ended.is_set():
            await self._send({"type": "http.response.body", "body": body, "more_body": True})
            self.record.sent += len(body)
            self._pulse()


def _raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]
