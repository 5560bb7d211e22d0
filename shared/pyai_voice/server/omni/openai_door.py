"""``/v1/realtime``: one address, two framings. The client's first message decides, where the address does not.

Above: the application. Below: :mod:`.door` for PyAI's own framing, :mod:`.openai` for OpenAI's. All messages of PyAI's
framing are binary, all of OpenAI's are text. A client that waits for the server to speak first is known by its address:
PyAI's by their subprotocols and parameters, OpenAI's by theirs; one that is neither hears ``session.created`` soon.
"""

from __future__ import annotations

import asyncio
import secrets

from starlette.types import Message as AsgiMessage
from starlette.websockets import WebSocket, WebSocketDisconnect

from ...errors import service_error
from ...protocol.hear.wire import KEY_SUBPROTOCOL, MARKER, Message
from ...protocol.omni.request import OmniRequest
from ..grounding import Grounder
from ..resources.sessions import admit
from ..state.keys import Key
from .door import omni_call, serve_call
from .openai import RealtimeSession, receive
from .record import Recorder
from .sources import Sources

__all__ = ["realtime"]

MODEL = "pyai-omni-realtime"
"""Where the client names none."""
_PATIENCE = 0.1
"""Seconds for the first message of a client of which nothing is known."""
_NATIVE_QUERY = frozenset({"format", "rate", "session_label", "agent_id", "agent"})
_OWN_MODELS = "pyai-"
_SUBPROTOCOL = "realtime"
_BETA_HEADER, _BETA_SUBPROTOCOL = "realtime=v1", "openai-beta.realtime-v1"
_UNSUPPORTED = {"call_id": "joins no telephone calls of OpenAI's", "intent": "has no transcription sessions here"}


async def realtime(websocket: WebSocket) -> None:
    """Serve ``/v1/realtime``; a refusal is raised before the upgrade."""
    if _is_native(websocket):
        await omni_call(websocket)
        return
    model = _model(websocket)
    with websocket.app.state.streams.take():
        key, label = await admit(websocket)
        await websocket.accept(_SUBPROTOCOL if _SUBPROTOCOL in websocket.scope["subprotocols"] else None)
        try:
            first = None if _is_openai(websocket) else await _first(websocket)
        except WebSocketDisconnect:
            return
        if isinstance(first, bytes):
            await serve_call(_Begun(websocket, first).again(), OmniRequest(session_label=label or ""), key)
        else:
            await _serve(websocket, key, label or "", model, first)


def _is_native(websocket: WebSocket) -> bool:
    offered = websocket.scope["subprotocols"]
    signed = any(each == MARKER or each.startswith(KEY_SUBPROTOCOL) for each in offered)
    return signed or not _NATIVE_QUERY.isdisjoint(websocket.query_params)


def _is_openai(websocket: WebSocket) -> bool:
    model = websocket.query_params.get("model", _OWN_MODELS)
    offered = websocket.scope["subprotocols"]
    return not model.startswith(_OWN_MODELS) or _SUBPROTOCOL in offered or "openai-beta" in websocket.headers


def _model(websocket: WebSocket) -> str:
    """Return the model that the client names. Raises RequestError for what no session can be."""
    for name, reason in _UNSUPPORTED.items():
        if name in websocket.query_params:
            raise service_error(f"{name}: the local server {reason}", code="unsupported_parameter")
    model = websocket.query_params.get("model") or MODEL
    if len(model) > 100 or not model.isprintable():
        raise service_error("model: expected at most 100 printable characters", code="unknown_model")
    return model


async def _first(websocket: WebSocket) -> Message | None:
    """Return the first message; None where the client waits for the server's. Raises WebSocketDisconnect."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return await receive(websocket)
    except TimeoutError:
        return None


async def _serve(websocket: WebSocket, key: Key, label: str, model: str, first: Message | None) -> None:
    state = websocket.app.state
    grounder = None
    if await state.knowledge.bound(key.organisation):
        grounder = Grounder(state.knowledge, key.organisation)
    sources = Sources(state.outbound, grounder, label)
    recorder = Recorder(state.stores.calls, key.organisation, f"call_{secrets.token_hex(8)}")
    await recorder.begin(session_label=label or None)
    session = RealtimeSession(
        websocket, state.engines, state.brain, recorder, model=model, beta=_is_beta(websocket), passages=sources
    )
    state.sessions.add(session)
    try:
        await session.run(first)
    finally:
        state.sessions.discard(session)
        await sources.aclose()


def _is_beta(websocket: WebSocket) -> bool:
    return websocket.headers.get("openai-beta") == _BETA_HEADER or _BETA_SUBPROTOCOL in websocket.scope["subprotocols"]


class _Begun:
    """A connection that was accepted and read from, for whoever wants to accept it and read everything."""

    def __init__(self, websocket: WebSocket, first: bytes) -> None:
        self._websocket = websocket
        self._read: list[AsgiMessage] = [
            {"type": "websocket.connect"},
            {"type": "websocket.receive", "bytes": first, "text": None},
        ]

    def again(self) -> WebSocket:
        """Return it as it was before."""
        return WebSocket(self._websocket.scope, self._receive, self._send)

    async def _receive(self) -> AsgiMessage:
        return self._read.pop(0) if self._read else await self._websocket.receive()

    async def _send(self, message: AsgiMessage) -> None:
        if message["type"] != "websocket.accept":
            await self._websocket.send(message)
