"""An Omni service that does what a test says, on a real loopback socket; its words are those of the server machine."""

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

from pyai_voice.options import Endpoint
from pyai_voice.protocol.omni.request import read_request
from pyai_voice.protocol.omni.server import CallerAudio, Configure, HangUp, OmniCall, OmniServer
from tests.core.scripted import KEY


@dataclass
class Peer:
    """One call as the service sees it."""

    socket: ServerConnection
    number: int
    machine: OmniServer
    confirms: bool = True
    audio: bytearray = field(default_factory=bytearray)
    slots: list[tuple[float, int]] = field(default_factory=list)
    """When each message of audio came, and its size in bytes."""
    controls: list[dict[str, Any]] = field(default_factory=list)
    calls: list[OmniCall] = field(default_factory=list)
    hung_up: bool = False
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def has(self, condition: Callable[[], object]) -> None:
        """Wait, beside the script, until something is true."""
        while not condition():
            self.heard.clear()
            await self.heard.wait()

    async def flush(self) -> None:
        """Send what the machine has to say."""
        for message in self.machine.data_to_send():
            await self.socket.send(message)

    async def until(self, condition: Callable[[], object]) -> None:
        """Say what there is to say, then listen until something is true."""
        await self.flush()
        while not condition():
            await self.hear()

    async def hear(self) -> None:
        """Take one message."""
        message = await self.socket.recv()
        now = asyncio.get_running_loop().time()
        assert isinstance(message, bytes)
        if message[0] == 0x03:
            self.controls.append(json.loads(message[1:]))
        for call in self.machine.receive(message, now):
            self._take(call, now)
        self.heard.set()
        await self.flush()

    def _take(self, call: OmniCall, now: float) -> None:
        match call:
            case CallerAudio(pcm):
                self.audio += pcm
                self.slots.append((now, len(pcm)))
            case Configure(agent) if self.confirms:
                self.machine.confirm(
                    voice=agent.voice or "onyx",
                    language=agent.language or "en",
                    greeting=bool(agent.greeting),
                    knowledge=bool(agent.kb_endpoint),
                    tools=len(agent.tools),
                )
            case HangUp():
                self.hung_up = True
            case _:
                self.calls.append(call)

    async def configured(self) -> None:
        """Listen until the call is configured."""
        await self.until(lambda: self.kinds("configure"))

    def kinds(self, kind: str) -> list[dict[str, Any]]:
        """Return the control messages of one kind."""
        return [each for each in self.controls if each["type"] == kind]

    async def stay(self) -> None:
        """Listen until the client hangs up."""
        await self.until(lambda: self.hung_up)


Script = Callable[[Peer], Awaitable[None]]


@dataclass
class Service:
    """What the service saw, and how the next upgrades are refused."""

    endpoint: Endpoint
    peers: list[Peer] = field(default_factory=list)
    dials: list[float] = field(default_factory=list)
    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """A connection is over."""
    came: asyncio.Event = field(default_factory=asyncio.Event)
    """A call was accepted."""

    async def call(self, number: int = 0) -> Peer:
        """Wait for a call, counted from 0."""
        while len(self.peers) <= number:
            self.came.clear()
            await self.came.wait()
        return self.peers[number]


@asynccontextmanager
async def omni_service(
    *scripts: Script, refusals: list[tuple[int, dict[str, str]]] | None = None
) -> AsyncIterator[Service]:
    """Serve: the first call follows the first script, and so on; the last one serves all that follow."""
    service = Service(Endpoint(api_key=KEY, base_url="http://127.0.0.1:1"), refusals=refusals or [])

    async def converse(socket: ServerConnection) -> None:
        assert socket.request
        query = dict(parse_qsl(urlsplit(socket.request.path).query))
        number = len(service.peers)
        peer = Peer(socket, number, OmniServer(read_request(query), f"call_{number}"))
        service.peers.append(peer)
        service.came.set()
        peer.machine.open()
        try:
            await scripts[min(number, len(scripts) - 1)](peer)
        except ConnectionClosed:
            return
        finally:
            await socket.close()
            service.gone.set()

    def upgrade(connection: ServerConnection, request: Request) -> Response | None:
        service.dials.append(asyncio.get_running_loop().time())
        if not service.refusals:
            return None
        status, headers = service.refusals.pop(0)
        return Response(status, HTTPStatus(status).phrase, Headers(headers), b"")

    async with serve(
        converse, "127.0.0.1", 0, process_request=upgrade, subprotocols=[Subprotocol("pyai.v1")], close_timeout=0.2
    ) as sockets:
        port = sockets.sockets[0].getsockname()[1]
        service.endpoint = Endpoint(api_key=KEY, base_url=f"http://127.0.0.1:{port}")
        yield service


async def stay(peer: Peer) -> None:
    """Configure, and listen until the client hangs up."""
    await peer.configured()
    await peer.stay()
