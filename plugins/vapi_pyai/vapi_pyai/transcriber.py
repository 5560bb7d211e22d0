"""Custom transcriber: Vapi dials, sends stereo audio, and gets partial and final transcripts for each channel.

Hear's own connection may be lost and dialled again below; the audio is kept and sent again, and Vapi's socket stays
open. Channel 0 is the customer; channel 1, the assistant, costs a second stream and is transcribed only when asked.
Source: Vapi, "Custom transcriber".
"""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from pyai_voice.client import Client
from pyai_voice.errors import ServiceError
from pyai_voice.hear import HearStream
from pyai_voice.server.limits import Slots
from pyai_voice.server.refusals import status_of

from .access import Access
from .calls import Calls
from .line import CHANNELS, Line
from .options import VapiOptions
from .stereo import Deinterleaver
from .wire import Start

__all__ = ["CustomTranscriber"]

_log = logging.getLogger("vapi_pyai")

_HUNG_UP = "hung up"


class CustomTranscriber:
    """Serves all calls; an ASGI application."""

    def __init__(self, client: Client, calls: Calls, access: Access, places: Slots, options: VapiOptions) -> None:
        self._client = client
        self._calls = calls
        self._access = access
        self._places = places
        self._options = options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call, with one line in the log when it is over."""
        line = Line(WebSocket(scope, receive, send), self._options)
        outcome = "failed"
        try:
            outcome = await self._attempt(line)
        finally:
            level = logging.INFO if outcome == _HUNG_UP else logging.WARNING
            _log.log(level, "transcriber %s, %s", outcome, line.account())

    async def _attempt(self, line: Line) -> str:
        try:
            with self._places.take():
                self._access.check_early(line.websocket)
                self._access.check(line.websocket, b"")
                await self._serve(line)
            return _HUNG_UP
        except ServiceError as error:
            refusal = error
        except WebSocketDisconnect:
            return _HUNG_UP
        await line.refuse(refusal)
        return f"{status_of(refusal)}, {refusal.message}"

    async def _serve(self, line: Line) -> None:
        await line.websocket.accept()
        start = await line.start()
        line.call.identity = _call_id(line.websocket, start)
        async with AsyncExitStack() as held:
            count = self._count(line, start)
            streams = [await held.enter_async_context(self._hear(start)) for _ in CHANNELS[:count]]
            held.enter_context(self._calls.live(line.call))
            await line.run(streams, Deinterleaver(start.channels))

    def _count(self, line: Line, start: Start) -> int:
        """Return how many channels are transcribed."""
        asked = line.websocket.query_params.get("assistant", "").lower() == "true"
        return start.channels if asked or self._options.assistant_channel else 1

    def _hear(self, start: Start) -> HearStream:
        return self._client.hear(self._options.hear.replace(sample_rate=start.sampleRate), link=self._options.link)


def _call_id(websocket: WebSocket, start: Start) -> str:
    """Return Vapi's id of the call, wherever it says it; "" where it does not."""
    said = start.call.id if start.call else ""
    return (said or websocket.headers.get("x-call-id", "") or websocket.query_params.get("call_id", ""))[:256]
