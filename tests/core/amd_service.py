"""An AMD service that does what a test says, on a real loopback socket; its words are those of the server machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import Request, Response, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from pyai_voice.amd_events import AmdDecision
from pyai_voice.options import Endpoint
from pyai_voice.protocol.amd.server import AmdServer, Media, Started, Stopped
from tests.core.scripted import KEY

HUMAN = AmdDecision("human", "human", 0.9, 1.2, "a short greeting", "C_1")


@dataclass
class Peer:
    """One connection as the service sees it."""

    socket: ServerConnection
    query: dict[str, str]
    machine: AmdServer = field(default_factory=lambda: AmdServer("C_1"))
    messages: list[dict[str, Any]] = field(default_factory=list)
    coded: bytearray = field(default_factory=bytearray)
    started: Started | None = None
    stopped: bool = False

    async def until(self, condition: Callable[[], object]) -> None:
        """Listen until something is true."""
        while not condition():
            message = await self.socket.recv()
            self.messages.append(json.loads(message))
            for call in self.machine.receive(message):
                match call:
                    case Started():
                        self.started = call
                    case Media(coded):
                        self.coded += coded
                    case Stopped():
                        self.stopped = True

    async def decide(self, decision: AmdDecision = HUMAN) -> None:
        self.machine.decide(decision)
        for message in self.machine.data_to_send():
            await self.socket.send(message)


Script = Callable[[Peer], Awaitable[None]]


@dataclass
class Service:
    """What the service saw, and how the next upgrades are refused."""

    endpoint: Endpoint
    peers: list[Peer] = field(default_factory=list)
    refusals: list[int | tuple[int, dict[str, str]]] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)
    dials: list[float] = field(default_factory=list)


@asynccontextmanager
async def amd_service(
    *scripts: Script, refusals: list[int | tuple[int, dict[str, str]]] | None = None
) -> AsyncIterator[Service]:
    """Serve: the first connection follows the first script, and so on; the last one serves all that follow."""
    service = Service(Endpoint(api_key=KEY, base_url="http://127.0.0.1:1"), refusals=refusals or [])

    async def converse(socket: ServerConnection) -> None:
        assert socket.request
        peer = Peer(socket, dict(parse_qsl(urlsplit(socket.request.path).query)))
        service.peers.append(peer)
        try:
            await scripts[min(len(service.peers), len(scripts)) - 1](peer)
        except ConnectionClosed:
            return

    def upgrade(connection: ServerConnection, request: Request) -> Response | None:
        service.dials.append(asyncio.get_running_loop().time())
        service.offered.append(request.headers["Sec-WebSocket-Protocol"])
        if not service.refusals:
            return None
        refusal = service.refusals.pop(0)
        status, headers = (refusal, {}) if isinstance(refusal, int) else refusal
        return Response(status, HTTPStatus(status).phrase, Headers(headers), b"")

    async with serve(
        converse, "127.0.0.1", 0, process_request=upgrade, subprotocols=[Subprotocol("pyai.v1")], close_timeout=0.2
    ) as sockets:
        port = sockets.sockets[0].getsockname()[1]
        service.endpoint = Endpoint(api_key=KEY, base_url=f"http://127.0.0.1:{port}")
        yield service


async def stay(peer: Peer) -> None:
    """Listen for ever and decide nothing."""
    await peer.until(lambda: False)


def after(seconds: float, decision: AmdDecision = HUMAN) -> Script:
    """Decide once so much sound has come."""

    async def script(peer: Peer) -> None:
        await peer.until(lambda: len(peer.coded) >= 8000 * seconds or peer.stopped)
        await peer.decide(decision)
        await peer.until(lambda: False)

    return script


async def vanish(peer: Peer) -> None:
    """Go away without a word once some sound has come."""
    await peer.until(lambda: len(peer.coded) >= 800)
    peer.socket.transport.abort()
    await asyncio.sleep(0)
