"""The Hear stream: a WebSocket on one side, a listener on the other, the protocol's machine between them.

Above: the application. Below: :class:`~pyai_voice.protocol.hear.server.HearServer` and the engines' listener.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.websockets import WebSocket, WebSocketDisconnect

from ..errors import ServiceError, service_error
from ..protocol.hear.request import StreamRequest, read_request
from ..protocol.hear.server import Audio, Commit, Configure, Flush, HearCall, HearServer
from ..protocol.hear.wire import MARKER, Message
from .auth import authorize, spend
from .catalog import HEAR_MODELS, check_language, check_model
from .engines.listener import Endpoint, Fact, Listener, ListenerOptions
from .engines.words import TextOptions
from .grounding import Grounder
from .sending import close, send

if TYPE_CHECKING:
    from .engines.load import Engines
    from .settings import Settings

__all__ = ["HearSession", "hear_stream"]

_log = logging.getLogger(__name__)

_ENGINE_FAILED = 1011
_RESTARTING = 1012
"""Close code after which a client connects again."""


async def hear_stream(websocket: WebSocket) -> None:
    """Serve ``/v1/audio/transcriptions/stream``; a refusal is raised before the upgrade."""
    state = websocket.app.state
    key = authorize(websocket, "hear:stream")
    request = _read(websocket, state.settings, state.engines)
    with state.streams.take():
        await spend(websocket, key)
        grounded = await state.knowledge.bound(key.organisation)
        await websocket.accept(MARKER if MARKER in websocket.scope["subprotocols"] else None)
        session = HearSession(
            websocket, request, state.engines, Grounder(state.knowledge, key.organisation), grounded=grounded
        )
        state.sessions.add(session)
        try:
            await session.run()
        finally:
            state.sessions.discard(session)


def _read(websocket: WebSocket, settings: Settings, engines: Engines) -> StreamRequest:
    query = dict(websocket.query_params)
    request = read_request(query)
    check_model(request.model, HEAR_MODELS)
    check_language(request.language, engines.recognizer.languages)
    return request if settings.legacy_default or "protocol" in query else replace(request, legacy=False)


class HearSession:
    """One open stream."""

    def __init__(
        self, websocket: WebSocket, request: StreamRequest, engines: Engines, grounder: Grounder, *, grounded: bool
    ) -> None:
        self._websocket = websocket
        self.client: tuple[str, int] = websocket.scope["client"]
        """Its address."""
        self._sending = asyncio.Lock()
        self._ended = asyncio.Event()
        options = _options(request, engines)
        self._listener = Listener(engines.recognizer, engines.new_detector(), options, engines.end_of_turn)
        self._grounder = grounder
        self._machine = HearServer(
            request,
            f"sess_{secrets.token_hex(8)}",
            endpointing_ms=self._listener.endpointing_ms,
            grounding_available=grounded,
        )
        self._warnings = ("dictation_unsupported",) if request.dictation else ()

    async def run(self) -> None:
        """Serve the stream until the client closes it, the engines fail, or :meth:`drain` is called."""
        self._machine.open(self._warnings)
        tasks = asyncio.create_task(self._read()), asyncio.create_task(self._write())
        try:
            await self._flush()
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except WebSocketDisconnect:  # or it reads nothing and was cut off
            pass
        except ServiceError as error:
            await self._fail(error)
        except Exception:  # noqa: BLE001 - the outermost line of a stream
            _log.exception("a stream failed")
            await self._fail(service_error("The engine failed; see the server's log", code="internal_error"))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._listener.aclose()
            await self._grounder.aclose()
            self._ended.set()

    async def drain(self) -> None:
        """Send the final of what was heard, then close; returns when that is done."""
        await self._listener.finish()
        await self._ended.wait()

    async def _read(self) -> None:
        while (message := await self._receive()) is not None:
            for call in self._machine.receive(message):
                await self._obey(call)
            await self._flush()

    async def _receive(self) -> Message | None:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        return message["text"] if message.get("text") is not None else message["bytes"]

    async def _obey(self, call: HearCall) -> None:
        match call:
            case Audio(pcm):
                await self._listener.feed(pcm)
            case Commit():
                await self._listener.commit()
            case Flush():
                await self._listener.commit("eof")
            case Configure(endpointing_ms):
                await self._listener.set_endpointing(endpointing_ms / 1000)

    async def _write(self) -> None:
        """Send what the listener finds out; it ends by itself only when the stream is drained."""
        async for fact in self._listener:
            await self._tell(fact)
            await self._flush()
        await close(self._websocket, _RESTARTING, "the server is restarting")

    async def _fail(self, error: ServiceError) -> None:
        self._machine.error(error.code, error.message)
        with suppress(WebSocketDisconnect):
            await self._flush()
        await close(self._websocket, _ENGINE_FAILED, error.code)

    async def _tell(self, fact: Fact) -> None:
        if isinstance(fact, Endpoint):
            passages = await self._grounder.passages(fact.text) if self._machine.grounding else ()
            self._machine.endpoint(fact.text, fact.t_ms, fact.audio_ms, fact.reason, passages)
            return
        if self._machine.grounding:
            self._grounder.look(fact.text)
        self._machine.partial(fact.text, fact.stable, fact.t_ms)

    async def _flush(self) -> None:
        """Send what the machine has to say; one sender at a time keeps the order."""
        async with self._sending:
            for message in self._machine.data_to_send():
                await send(self._websocket, message)


def _options(request: StreamRequest, engines: Engines) -> ListenerOptions:
    return ListenerOptions(
        sample_rate=request.sample_rate,
        endpointing=None if request.endpointing_ms is None else request.endpointing_ms / 1000,
        interim_results=request.interim_results,
        text=TextOptions(
            numerals=bool(request.numerals),
            smart_format=bool(request.smart_format),
            drop_fillers=bool(request.drop_fillers),
            vocabulary=engines.vocabulary(request.vocabulary),
        ),
    )
