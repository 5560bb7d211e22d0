"""``/v1/realtime``: one address, two framings. PyAI's own comes first; whatever shows no sign of it is OpenAI's.

Above: the application. Below: :mod:`.native` and :mod:`.openai`. Signs of PyAI's framing are its subprotocols and the
parameters of its address, and a first message that is binary: all of its messages are. A client of OpenAI's that waits
for ``session.created`` is not kept waiting for long.
"""

from __future__ import annotations

from starlette.websockets import WebSocket

from ...errors import service_error
from ...protocol.hear.wire import KEY_SUBPROTOCOL, MARKER
from ..auth import Key
from ..refusals import unknown_route
from ..resources.sessions import admit
from .openai import RealtimeSession

__all__ = ["realtime"]

_NATIVE_QUERY = frozenset({"format", "rate", "session_label", "agent_id", "agent"})
_SUBPROTOCOL = "realtime"
_BETA_HEADER, _BETA_SUBPROTOCOL = "realtime=v1", "openai-beta.realtime-v1"
_UNSUPPORTED = {"call_id": "joins no telephone call of OpenAI's", "intent": "has no transcription sessions here"}
MODEL = "pyai-omni-realtime"
"""Where the client names none."""


async def realtime(websocket: WebSocket) -> None:
    """Serve ``/v1/realtime``; a refusal is raised before the upgrade."""
    if _is_native(websocket):
        raise unknown_route(websocket.scope["path"])
    for name, reason in _UNSUPPORTED.items():
        if name in websocket.query_params:
            raise service_error(f"{name}: the local server {reason}", code="unsupported_parameter")
    model = websocket.query_params.get("model") or MODEL
    if len(model) > 100 or not model.isprintable():
        raise service_error("model: expected at most 100 printable characters", code="unknown_model")
    key, _ = await admit(websocket)
    with websocket.app.state.streams.take():
        await websocket.accept(_SUBPROTOCOL if _SUBPROTOCOL in websocket.scope["subprotocols"] else None)
        await _serve(websocket, key, model)


async def _serve(websocket: WebSocket, key: Key, model: str) -> None:
    state = websocket.app.state
    session = RealtimeSession(websocket, state.engines, state.brain, model=model, beta=_is_beta(websocket))
    state.sessions.add(session)
    try:
        await session.run()
    finally:
        state.sessions.discard(session)


def _is_native(websocket: WebSocket) -> bool:
    offered = websocket.scope["subprotocols"]
    signed = any(each == MARKER or each.startswith(KEY_SUBPROTOCOL) for each in offered)
    return signed or not _NATIVE_QUERY.isdisjoint(websocket.query_params)


def _is_beta(websocket: WebSocket) -> bool:
    return websocket.headers.get("openai-beta") == _BETA_HEADER or _BETA_SUBPROTOCOL in websocket.scope["subprotocols"]
