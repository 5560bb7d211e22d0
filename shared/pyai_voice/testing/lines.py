"""One connection in the hands of a fault: what the client sends and what it gets, seen from between the two.

Above: :mod:`.layer`. A line is the application's ASGI channel as well, so a fault can hold back or change what passes.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from .. import loop
from ..protocol.omni.wire import AUDIO, Audio, Control, read_client_message, read_server_message
from .records import HearRecord, OmniRecord, SpeakRecord, StreamRecord

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Send

    from .faults import Fault, HearFault, OmniFault, SpeakFault  # noqa: F401 - in quotes below

__all__ = ["HearLine", "OmniLine", "SpeakLine"]

_Record = TypeVar("_Record", bound=StreamRecord | SpeakRecord)
_Stream = TypeVar("_Stream", bound=StreamRecord)
_Fault = TypeVar("_Fault", bound="Fault")

Pulse = Callable[[], None]
"""Tells the server that a record has changed."""


class _Line(ABC, Generic[_Record, _Fault]):
    """What all kinds have in common. ``transport`` finds the client's TCP connection."""

    def __init__(
        self,
        receive: Receive,
        send: Send,
        transport: Callable[[], asyncio.Transport | None],
        pulse: Pulse,
        record: _Record,
        fault: _Fault,
    ) -> None:
        self.record = record
        self.fault = fault
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


class _StreamLine(_Line[_Stream, _Fault]):
    """A WebSocket."""

    # for faults

    async def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        """Answer the upgrade with plain HTTP."""
        await self._send({"type": "websocket.http.response.start", "status": status, "headers": _raw(headers)})
        await self._send({"type": "websocket.http.response.body", "body": body})
        self._ended.set()

    async def say(self, message: str | bytes) -> None:
        """Send one message to the client."""
        if self._stalled or self._ended.is_set():
            return
        self._note_told(message)
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
        while True:
            if self._stalled:
                await self._ended.wait()
            if self._ended.is_set():
                return {"type": "websocket.disconnect", "code": 1006}
            message = await self._heard(await self._next())
            await self._strike()
            if message is not None:
                return message

    async def send(self, message: Message) -> None:
        """Hand the server's message to the fault, which passes it on as it likes."""
        if self._ended.is_set():
            raise OSError("the connection is gone")
        if message["type"] == "websocket.send" and await self._tell(message):
            return
        await self._send(message)
        if message["type"] == "websocket.accept":
            self.record.accepted = True
            self._pulse()
            await self._strike()

    async def _heard(self, message: Message) -> Message | None:
        """Note a message of the client; return what the application gets of it."""
        if message["type"] == "websocket.disconnect":
            self._ended.set()
        self._pulse()
        return message

    @abstractmethod
    async def _tell(self, message: Message) -> bool:
        """Give a message to the fault; False where it is none for faults."""

    @abstractmethod
    def _note_told(self, message: str | bytes) -> None:
        """Note what goes to the client."""

    async def _strike(self) -> None:
        due = self.fault.after_bytes
        if due is not None and not self._struck and len(self.record.audio) >= due and self.record.accepted:
            self._struck = True
            await self.fault.strike(self)


class HearLine(_StreamLine[HearRecord, "HearFault"]):
    """A Hear stream."""

    async def _heard(self, message: Message) -> Message | None:
        self.record.audio += message.get("bytes") or b""
        if message.get("text") is not None:
            self.record.texts.append(message["text"])
        return await super()._heard(message)

    async def _tell(self, message: Message) -> bool:
        if message.get("text") is None:
            return False
        await self.fault.tell(self, message["text"])
        return True

    def _note_told(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self.record.told.append(message)


class OmniLine(_StreamLine[OmniRecord, "OmniFault"]):
    """An Omni call. What is put off goes with the first message of the client when it is time: callers never pause."""

    def __init__(
        self,
        receive: Receive,
        send: Send,
        transport: Callable[[], asyncio.Transport | None],
        pulse: Pulse,
        record: OmniRecord,
        fault: OmniFault,
    ) -> None:
        super().__init__(receive, send, transport, pulse, record, fault)
        self._to_client: deque[tuple[float, bytes]] = deque()
        self._to_application: deque[tuple[float, bytes]] = deque()

    # for faults

    def say_later(self, seconds: float, message: bytes) -> None:
        """Send a message to the client when so much time has passed."""
        self._to_client.append((loop.now() + seconds, message))

    def hear_later(self, seconds: float, message: bytes) -> None:
        """Have the application get a message of the client when so much time has passed."""
        self._to_application.append((loop.now() + seconds, message))

    # for the application

    async def receive(self) -> Message:
        """Return what was put off, or the client's next message once the fault has seen it."""
        while self._to_client and self._to_client[0][0] <= loop.now():
            await self.say(self._to_client.popleft()[1])
        if self._to_application and self._to_application[0][0] <= loop.now() and not self._ended.is_set():
            return {"type": "websocket.receive", "bytes": self._to_application.popleft()[1]}
        return await super().receive()

    async def _heard(self, message: Message) -> Message | None:
        body: bytes | None = message.get("bytes")
        if body is None:
            return await super()._heard(message)
        self._note_said(body)
        self._pulse()
        heard = await self.fault.caller(self, body)
        return None if heard is None else {"type": "websocket.receive", "bytes": heard}

    def _note_said(self, body: bytes) -> None:
        match read_client_message(body):
            case Audio(pcm):
                self.record.audio += pcm
            case Control(fields):
                self.record.controls.append(fields)
            case _:
                pass

    async def _tell(self, message: Message) -> bool:
        if message.get("bytes") is None:
            return False
        await self.fault.agent(self, message["bytes"])
        return True

    def _note_told(self, message: str | bytes) -> None:
        match read_server_message(message):
            case Control(fields):
                self.record.events.append(fields)
            case _:
                self.record.pieces += message[:1] == bytes((AUDIO,))


class SpeakLine(_Line[SpeakRecord, "SpeakFault"]):
    """A request to Speak."""

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
