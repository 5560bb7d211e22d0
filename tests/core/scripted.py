"""A Hear server that does what a test says, on a real loopback socket (its HTTP sister: scripted_http.py)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Request, Response, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from pyai_voice.options import Endpoint

KEY = "pyai_test_canary_0123456789"


@dataclass
class Peer:
    """One connection as the server sees it."""

    socket: ServerConnection
    number: int
    audio: bytearray = field(default_factory=bytearray)
    texts: list[dict] = field(default_factory=list)

    @property
    def query(self) -> dict[str, str]:
        assert self.socket.request
        return {name: values[0] for name, values in parse_qs(urlsplit(self.socket.request.path).query).items()}

    @property
    def offered(self) -> list[str]:
        assert self.socket.request
        return [name.strip() for name in self.socket.request.headers["Sec-WebSocket-Protocol"].split(",")]

    async def say(self, **fields: object) -> None:
        await self.socket.send(json.dumps(fields))

    async def final(self, text: str, reason: str = "client_commit", **more: object) -> None:
        fields = {"text": text, "utterance_id": f"u_{self.number}_{len(self.texts)}", "endpoint_reason": reason, **more}
        await self.say(type="speech_final", **fields)
        await self.say(type="final", **fields)

    async def hear(self) -> bytes | dict | None:
        """Return the next message: audio, or a JSON object; None when the client is gone."""
        try:
            message = await self.socket.recv()
        except ConnectionClosed:
            return None
        if isinstance(message, bytes):
            self.audio += message
            return message
        self.texts.append(json.loads(message))
        return self.texts[-1]

    async def hear_audio(self, size: int) -> None:
        """Read until so many bytes have come on this connection."""
        while len(self.audio) < size:
            assert await self.hear() is not None, "the client went away"

    async def hear_commit(self) -> dict:
        """Read until a text message comes."""
        while not isinstance(message := await self.hear(), dict):
            assert message is not None, "the client went away"
        return message

    def abort(self) -> None:
        self.socket.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


@dataclass
class Server:
    """What the server saw, and how the next upgrades are refused."""

    endpoint: Endpoint
    peers: list[Peer] = field(default_factory=list)
    dials: int = 0
    refusals: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    """Status, headers and body for the next upgrades, first to last."""

    @property
    def audio(self) -> bytes:
        """Everything that came on any connection."""
        return b"".join(peer.audio for peer in self.peers)


@asynccontextmanager
async def scripted(
    *scripts: Script, refusals: list[tuple[int, dict[str, str], bytes]] | None = None
) -> AsyncIterator[Server]:
    """Serve: the first connection follows the first script, and so on; the last one serves all that follow."""
    server = Server(Endpoint(api_key=KEY, base_url="http://127.0.0.1:1"), refusals=refusals or [])

    async def converse(socket: ServerConnection) -> None:
        peer = Peer(socket, len(server.peers))
        server.peers.append(peer)
        try:
            await peer.say(type="config_ack", endpointing_ms=500, warnings=[], session_id=f"s{peer.number}")
            await scripts[min(peer.number, len(scripts) - 1)](peer)
        except (ConnectionClosed, AssertionError):
            return

    def upgrade(connection: ServerConnection, request: Request) -> Response | None:
        server.dials += 1
        if not server.refusals:
            return None
        status, headers, body = server.refusals.pop(0)
        return Response(status, HTTPStatus(status).phrase, Headers(headers), body)

    async with serve(
        converse, "127.0.0.1", 0, process_request=upgrade, subprotocols=[Subprotocol("pyai.v1")], close_timeout=0.2
    ) as sockets:
        port = sockets.sockets[0].getsockname()[1]
        server.endpoint = Endpoint(api_key=KEY, base_url=f"http://127.0.0.1:{port}")
        yield server


async def answer_commits(peer: Peer) -> None:
    """Answer each commit with the number of bytes heard on this connection."""
    while (message := await peer.hear()) is not None:
        if isinstance(message, dict):
            await peer.final(f"{len(peer.audio)} bytes")


async def stay(peer: Peer) -> None:
    """Read for ever and say nothing."""
    while await peer.hear() is not None:
        pass


async def leave(_: Peer) -> None:
    """Close at once, normally."""
    await asyncio.sleep(0)
