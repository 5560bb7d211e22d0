"""``/v1/amd/stream``: a WebSocket on one side, a detector on the other, the protocol's machine between them.

Above: the application. Below: :class:`~pyai_voice.protocol.amd.server.AmdServer` and the detector. A call has one
decision; then the socket is closed, the decision is kept, and its webhook is told.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from ... import g711
from ...errors import ServiceError, service_error
from ...protocol.amd.request import AmdRequest, read_parameters, read_query
from ...protocol.amd.server import AmdServer, Media, Started, Stopped
from ...protocol.hear.wire import MARKER, Message
from ..auth import authorize, credentials, spend
from ..state.amd import AmdCall
from ..state.keys import Key
from ..state.records import Address, now_ms
from .detector import Detector, DetectorOptions
from .judge import Verdict
from .outcome import decision_of, news_of, record_of

if TYPE_CHECKING:
    from ..callbacks import Callbacks
    from ..state import State

__all__ = ["amd_stream"]

_log = logging.getLogger(__name__)

_SCOPE = "amd:detect"
_START = 10.0
"""Seconds for the ``start`` message, which may bring the key."""
_DONE, _POLICY, _FAILED = 1000, 1008, 1011
_ADDRESS = TypeAdapter[str](Address)


async def amd_stream(websocket: WebSocket) -> None:
    """Serve ``/v1/amd/stream``; what is wrong before the upgrade is raised, what is wrong in ``start`` closes 1008.

    Who brings no key to the upgrade, as Twilio, takes none of the places of those who do.
    """
    state = websocket.app.state
    request = read_query(websocket.query_params)
    key = authorize(websocket, _SCOPE) if credentials(websocket) else None
    places = state.unknown_callers if key is None else state.streams
    with places.take():
        await websocket.accept(MARKER if MARKER in websocket.scope["subprotocols"] else None)
        session = _Session(websocket, request, key)
        await session.run()
    if session.record is not None and session.key is not None and session.webhook:
        callbacks: Callbacks = state.callbacks
        organisation = session.key.organisation
        await callbacks.post(organisation, session.webhook, news_of(session.record, organisation))


class _Session:
    """One call."""

    def __init__(self, websocket: WebSocket, request: AmdRequest, key: Key | None) -> None:
        self.key = key
        self.webhook = ""
        """Where the decision is posted."""
        self.record: AmdCall | None = None
        """What is kept of the call, once it is decided."""
        self._websocket = websocket
        self._request = request
        self._stores: State = websocket.app.state.stores
        self._call_id = f"C_{secrets.token_hex(12)}"
        self._machine = AmdServer(self._call_id)
        self._detector: Detector | None = None
        self._facts: dict[str, Any] = {}
        self._began = time.monotonic()

    async def run(self) -> None:
        """Listen until the call is decided, the client goes, or something fails; nothing is raised."""
        try:
            await self._begin()
            await self._decide(await self._listen())
            await self._close(_DONE)
        except WebSocketDisconnect:  # before it began
            pass
        except ServiceError as error:
            await self._refuse(error)
        except Exception:  # noqa: BLE001 - the outermost line of a stream
            _log.exception("an AMD stream failed")
            await self._refuse(service_error("The engine failed; see the server's log", code="internal_error"))
        finally:
            if self._detector is not None:
                await self._detector.aclose()

    async def _begin(self) -> None:
        """Wait for ``start``, check what it says, and be ready to listen."""
        try:
            async with asyncio.timeout(min(_START, self._websocket.app.state.settings.receive_stall)):
                started = await self._started()
        except TimeoutError:
            started = None
        if started is None:
            raise service_error("Expected a start message first", code="invalid_request")
        self.key = self.key or self._admit(started.parameters.get("api_key", ""))
        if not started.supported:
            raise service_error("mediaFormat: expected audio/x-mulaw, 8000, one channel", code="unsupported_format")
        await spend(self._websocket, self.key)
        await self._configure(read_parameters(self._request, started.parameters), self.key)

    async def _started(self) -> Started | None:
        while (message := await self._receive()) is not None:
            for call in self._machine.receive(message):
                return call if isinstance(call, Started) else None
        raise WebSocketDisconnect

    def _admit(self, secret: str) -> Key:
        key = self._stores.keys.find(secret) if secret else None
        if key is None:
            raise service_error("No valid API key; send it as the parameter api_key", code="unauthorized")
        if not key.allows(_SCOPE):
            raise service_error(f"The key lacks the scope {_SCOPE}", code="insufficient_scope")
        return key

    async def _configure(self, request: AmdRequest, key: Key) -> None:
        config = await self._stores.amd.config(key.organisation)
        chosen = config.aggressiveness if request.aggressiveness is None else request.aggressiveness
        self.webhook = _address(request.webhook) if request.webhook else config.webhook_url or ""
        self._request = request
        timeout = request.decision_timeout
        self._facts = {
            "session_label": request.session_label or None,
            "aggressiveness": chosen,
            "decision_timeout_ms": None if timeout is None else round(1000 * timeout),
            "answered_at": now_ms(),
        }
        self._began = time.monotonic()
        self._detector = Detector(self._websocket.app.state.engines, DetectorOptions(chosen, timeout))

    async def _listen(self) -> Verdict:
        assert self._detector is not None
        while (message := await self._next()) is not None:
            for call in self._machine.receive(message):
                match call:
                    case Media(coded):
                        verdict = await self._detector.hear(g711.decode(coded))
                    case Stopped():
                        verdict = await self._detector.finish()
                    case Started():
                        verdict = None
                if verdict is not None:
                    return verdict
        return await self._detector.finish()

    async def _next(self) -> Message | None:
        """Return the next message; None where the client has gone, or says nothing any more."""
        try:
            async with asyncio.timeout(self._websocket.app.state.settings.receive_stall):
                return await self._receive()
        except TimeoutError:
            return None

    async def _receive(self) -> Message | None:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        return message["text"] if message.get("text") is not None else message["bytes"]

    async def _decide(self, verdict: Verdict) -> None:
        """Tell the client, and keep the decision: what is kept is on the disk before the socket is closed."""
        decision = decision_of(verdict, self._call_id, self._request.parameters)
        self._machine.decide(decision)
        with suppress(WebSocketDisconnect, RuntimeError):  # Starlette's error where the client has gone
            await self._flush()
        elapsed = round(1000 * (time.monotonic() - self._began))
        await self._keep(record_of(decision, decision_elapsed_ms=elapsed, **self._common()))

    def _common(self) -> dict[str, Any]:
        return {**self._facts, "created_at": now_ms()}

    async def _keep(self, call: AmdCall) -> None:
        assert self.key is not None
        self.record = await self._stores.amd.save(self.key.organisation, call)

    async def _refuse(self, error: ServiceError) -> None:
        self._machine.error(error.code, error.message)
        with suppress(WebSocketDisconnect, RuntimeError):
            await self._flush()
        if self._detector is not None:
            await self._keep(AmdCall(call_id=self._call_id, status="failed", error=error.message, **self._common()))
        await self._close(_FAILED if error.retryable else _POLICY, error.code)

    async def _close(self, code: int, reason: str = "") -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            await self._websocket.close(code, reason)

    async def _flush(self) -> None:
        for message in self._machine.data_to_send():
            await self._websocket.send_text(message)


def _address(webhook: str) -> str:
    try:
        return _ADDRESS.validate_python(webhook)
    except ValidationError:
        pass
    raise service_error("webhook: expected an https address without a user name", code="invalid_request")
