"""One call's socket: audio in, transcripts out, each wait with an end.

Above: :mod:`.transcriber`. Below: the Hear streams, which own reconnecting and the audio that is not confirmed yet.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from pyai_voice.errors import PyAIError, ServiceError, service_error
from pyai_voice.hear import HearStream
from pyai_voice.server.refusals import error_response, status_of

from .calls import Call
from .options import VapiOptions
from .refusals import from_upstream
from .stereo import Deinterleaver
from .telling import Channel, Teller
from .wire import Start, parse_start

__all__ = ["CHANNELS", "Line"]

_log = logging.getLogger("vapi_pyai")

CHANNELS: tuple[Channel, Channel] = ("customer", "assistant")
"""In the order of the audio's channels."""
_CLOSE_CODES = {413: 1009, 429: 1013, 503: 1013}
_WRONG, _FAILED = 1008, 1011
_LONGEST_REASON = 120
"""Bytes; a close frame has room for 123."""


class Line:
    """The socket and what the log will say of it."""

    def __init__(self, websocket: WebSocket, options: VapiOptions) -> None:
        self.websocket = websocket
        self.call = Call()
        self._options = options
        self._began = time.monotonic()
        self._heard = 0
        self._finals = 0

    def account(self) -> str:
        """Return what the log says of the call."""
        parts = [f"{time.monotonic() - self._began:.1f} s"]
        if self._heard:
            parts.append(f"{self._heard} bytes heard, {self._finals} finals")
        if self.call.identity:
            parts.append(f"call {self.call.identity!r}")
        return ", ".join(parts)

    async def start(self) -> Start:
        """Return the first message. Raises ServiceError, or WebSocketDisconnect."""
        text = (await self._message(self._options.stall)).get("text")
        if text is None:
            raise service_error("expected the message start before audio", code="invalid_request")
        return parse_start(text)

    async def run(self, streams: list[HearStream], channels: Deinterleaver) -> None:
        """Pass audio in and transcripts out until either side ends. Raises ServiceError when Hear fails for good."""
        listening = asyncio.create_task(self._listen(streams, channels))
        telling = [asyncio.create_task(self._tell(*each)) for each in zip(streams, CHANNELS, strict=False)]
        try:
            await asyncio.wait((listening, telling[0]), return_when=asyncio.FIRST_COMPLETED)
            for ended in (telling[0], listening):
                if ended.done():
                    ended.result()
        finally:
            for task in (listening, *telling):
                task.cancel()
            await asyncio.gather(listening, *telling, return_exceptions=True)

    async def refuse(self, refusal: ServiceError) -> None:
        """Answer the upgrade, or close the socket, with the reason."""
        with suppress(WebSocketDisconnect, RuntimeError, OSError, TimeoutError):  # nobody is there to be told
            async with asyncio.timeout(self._options.stall):
                await self._refuse(refusal)

    async def _refuse(self, refusal: ServiceError) -> None:
        if self.websocket.application_state is not WebSocketState.CONNECTING:
            reason = refusal.message.encode()[:_LONGEST_REASON].decode("utf-8", "ignore")
            await self.websocket.close(_close_code(refusal), reason)
        elif "websocket.http.response" in self.websocket.scope.get("extensions", {}):
            await self.websocket.send_denial_response(error_response(refusal, self.websocket))
        else:
            await self.websocket.close(_WRONG)  # which the server makes 403

    async def _listen(self, streams: list[HearStream], channels: Deinterleaver) -> None:
        while True:
            audio = (await self._message(self._options.idle)).get(
                "bytes"
            ) or b""  # texts of days to come are passed over
            self._heard += len(audio)
            for stream, pcm in zip(streams, channels.feed(audio), strict=False):
                if not stream.closed:  # else its teller says why
                    stream.send_audio(pcm)

    async def _message(self, patience: float) -> dict[str, Any]:
        """Return the next message, bounded. Raises ServiceError, or WebSocketDisconnect when Vapi has hung up."""
        try:
            async with asyncio.timeout(patience):
                message = dict(await self.websocket.receive())
        except TimeoutError:
            message = None
        if message is None:
            raise service_error(f"nothing came for {patience:g} s", code="request_timeout", status=408)
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        if len(message.get("bytes") or message.get("text") or "") > self._options.max_message:
            most = self._options.max_message
            raise service_error(f"a message of more than {most} bytes", code="message_too_large")
        return message

    async def _tell(self, stream: HearStream, channel: Channel) -> None:
        """Tell Vapi what Hear says. Raises ServiceError when the customer's stream fails; the assistant's is let go."""
        try:
            await self._pass_on(stream, Teller(channel), customer=channel == "customer")
            return
        except PyAIError as error:
            failure = error
        if channel == "customer":
            raise from_upstream(failure)
        _log.warning("transcriber: the assistant is not transcribed any more: %s", failure)

    async def _pass_on(self, stream: HearStream, teller: Teller, *, customer: bool) -> None:
        async for event in stream:
            if customer:
                self.call.take(event)
            message = teller.tell(event)
            if message is not None:
                self._finals += message["transcriptType"] == "final"
                await self._send(json.dumps(message, ensure_ascii=False))

    async def _send(self, text: str) -> None:
        """Send within bounds. Raises WebSocketDisconnect when Vapi is gone, or reads nothing."""
        try:
            async with asyncio.timeout(self._options.stall):
                await self.websocket.send_text(text)
            return
        except (TimeoutError, RuntimeError, OSError):
            pass
        raise WebSocketDisconnect(1006)


def _close_code(refusal: ServiceError) -> int:
    status = status_of(refusal)
    return _CLOSE_CODES.get(status, _FAILED if status >= 500 else _WRONG)
