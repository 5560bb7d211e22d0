"""A client that has gone is gone for every task that sends to it, and no mistake of the program."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.websockets import WebSocket, WebSocketDisconnect

from pyai_voice.server.sending import close, send


class Line:
    """A client; once it is cut, nothing reaches it."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.cut = False

    async def receive(self) -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(self, message: Any) -> None:
        if self.cut:
            raise OSError
        self.got.append(message)

    async def open(self) -> WebSocket:
        websocket = WebSocket({"type": "websocket"}, self.receive, self.send)
        await websocket.accept()
        self.got.clear()
        return websocket


async def test_texts_bytes_and_the_end_are_sent() -> None:
    line = Line()
    websocket = await line.open()
    await send(websocket, "text")
    await send(websocket, b"bytes")
    await close(websocket, 1000, "done")
    await close(websocket, 1011)  # the first one counts
    assert [each.get("text") or each.get("bytes") or each.get("code") for each in line.got] == ["text", b"bytes", 1000]


@pytest.mark.parametrize("how", ["cut", "closed"])
async def test_a_client_that_has_gone_has_gone_for_everybody(how: str) -> None:
    line = Line()
    websocket = await line.open()
    line.cut = how == "cut"
    if how == "closed":
        await close(websocket, 1000)
    for _ in range(3):
        with pytest.raises(WebSocketDisconnect):
            await send(websocket, b"bytes")
    await close(websocket, 1000)


async def test_a_client_that_goes_while_it_is_closed_is_no_error() -> None:
    line = Line()
    websocket = await line.open()
    line.cut = True
    await close(websocket, 1000)
