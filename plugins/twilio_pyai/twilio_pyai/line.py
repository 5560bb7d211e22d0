"""Twilio's side of one call: a WebSocket of which every wait has an end, and every message a limit.

Above: :mod:`.streams`, which opens it, and :mod:`.call`. Below: :mod:`.wire`.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from . import wire
from .options import TwilioOptions
from .playout import Clear, Mark, Piece, Step
from .refusals import Refusal

__all__ = ["Line"]

_CLOSE_CODES = {413: 1009, 429: 1013, 503: 1013}
_WRONG, _FAILED = 1008, 1011
_LONGEST_REASON = 120
"""Bytes; a close frame has room for 123."""


class Line:
    """The socket, and what the log will say of it."""

    def __init__(self, websocket: WebSocket, options: TwilioOptions) -> None:
        self.websocket = websocket
        self.started: wire.Started | None = None
        self._options = options
        self._began = time.monotonic()
        self._heard = 0
        self._said = 0
        self._nonsense = 0

    def account(self) -> str:
        """Return what the log says of the call: no words, no numbers of people."""
        parts = [f"{time.monotonic() - self._began:.1f} s"]
        if self.started:
            parts.append(f"call {self.started.call_sid}")
            parts.append(f"{self._heard / wire.RATE:.1f} s heard, {self._said / wire.RATE:.1f} s said")
        if self._nonsense:
            parts.append(f"{self._nonsense} messages that Twilio does not send")
        return ", ".join(parts)

    async def start(self) -> wire.Started:
        """Return what Twilio says first. Raises Refusal, or WebSocketDisconnect."""
        try:
            async with asyncio.timeout(self._options.start):
                while not isinstance(message := await self.receive(), wire.Started):
                    pass
        except TimeoutError:
            message = None
        if message is None:
            raise Refusal(408, "expected the message start")
        if not message.supported:
            raise Refusal(400, "mediaFormat: expected audio/x-mulaw, 8000, one channel")
        self.started = message
        return message

    async def receive(self) -> wire.Incoming | None:
        """Return the next message. Raises Refusal, or WebSocketDisconnect when Twilio has gone."""
        message = wire.read(await self._message())
        match message:
            case wire.Sound(coded):
                self._heard += len(coded)
            case wire.Nonsense():
                self._nonsense += 1
            case _:
                pass
        return message

    async def _message(self) -> str | bytes:
        try:
            async with asyncio.timeout(self._options.idle):
                message = await self.websocket.receive()
        except TimeoutError:
            message = None
        if message is None:
            raise Refusal(408, f"nothing came for {self._options.idle:g} s")
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        text: str | bytes = message.get("text") or message.get("bytes") or b""
        if len(text) > self._options.max_message:
            raise Refusal(413, f"a message of more than {self._options.max_message} bytes")
        return text

    async def send(self, step: Step) -> None:
        """Send within bounds. Raises WebSocketDisconnect when Twilio is gone, or reads nothing."""
        try:
            async with asyncio.timeout(self._options.stall):
                await self.websocket.send_text(self._text(step))
            return
        except (TimeoutError, RuntimeError, OSError):
            pass
        raise WebSocketDisconnect(1006)

    def _text(self, step: Step) -> str:
        assert self.started is not None
        stream = self.started.stream_sid
        match step:
            case Piece(coded):
                self._said += len(coded)
                return wire.media(stream, coded)
            case Mark(name):
                return wire.mark(stream, name)
            case Clear():
                return wire.clear(stream)

    async def end(self, refusal: Refusal | None = None) -> None:
        """Answer the upgrade, or close the socket, with the reason; Twilio then ends the call."""
        with suppress(WebSocketDisconnect, RuntimeError, OSError, TimeoutError):  # nobody is there to be told
            async with asyncio.timeout(self._options.stall):
                await self._end(refusal)

    async def _end(self, refusal: Refusal | None) -> None:
        if refusal is None:
            await self.websocket.close()
        elif self.websocket.application_state is not WebSocketState.CONNECTING:
            reason = refusal.detail.encode()[:_LONGEST_REASON].decode("utf-8", "ignore")
            await self.websocket.close(_close_code(refusal), reason)
        elif "websocket.http.response" in self.websocket.scope.get("extensions", {}):
            await self.websocket.send_denial_response(refusal.response())
        else:
            await self.websocket.close(_WRONG)  # which the server makes 403


def _close_code(refusal: Refusal) -> int:
    return _CLOSE_CODES.get(refusal.status_code, _FAILED if refusal.status_code >= 500 else _WRONG)
