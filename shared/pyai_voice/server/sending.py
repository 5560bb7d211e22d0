"""Sending to a client that may have gone: noticed by one task, it is news for every other one.

Above: the streams. Starlette raises WebSocketDisconnect for the first message that cannot be sent, and RuntimeError, as
for a mistake of the program, for each further one.
"""

from __future__ import annotations

from contextlib import suppress

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

__all__ = ["close", "send"]

_GONE = 1006


async def send(websocket: WebSocket, message: str | bytes) -> None:
    """Send a message. Raises WebSocketDisconnect where the client has gone, or the socket was closed."""
    if websocket.application_state is WebSocketState.DISCONNECTED:
        raise WebSocketDisconnect(_GONE)
    if isinstance(message, str):
        await websocket.send_text(message)
    else:
        await websocket.send_bytes(message)


async def close(websocket: WebSocket, code: int, reason: str = "") -> None:
    """Close the socket; without effect where that was done, or the client has gone."""
    if websocket.application_state is not WebSocketState.DISCONNECTED:
        with suppress(WebSocketDisconnect):
            await websocket.close(code, reason)
