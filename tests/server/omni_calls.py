"""A server on a real socket whose Omni thinks by script, and callers for it: our own stream, and a bare socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar

import httpx
from websockets.asyncio.client import ClientConnection, connect

from pyai_voice.omni import OmniStream
from pyai_voice.omni_events import OmniEvent
from pyai_voice.omni_options import OmniOptions
from pyai_voice.omni_tools import ToolHandler
from pyai_voice.options import Endpoint
from pyai_voice.server.brain import Brain
from pyai_voice.server.brain.scripted import ScriptedBrain
from pyai_voice.server.engines.load import Engines
from pyai_voice.server.serving import Running, running
from pyai_voice.server.settings import Settings
from pyai_voice.testing import coded_engines, coded_speech

_E = TypeVar("_E")

SLOT = 0.02


class Omni:
    """A running server and ways to call it."""

    def __init__(self, server: Running, brain: Brain, engines: Engines, http: httpx.AsyncClient) -> None:
        self.server = server
        self.brain = brain
        self.engines = engines
        self.http = http
        """With a key."""

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint.from_env(self.server.api_key, self.server.base_url)

    @asynccontextmanager
    async def call(self, handlers: Mapping[str, ToolHandler] | None = None, **options: Any) -> AsyncGenerator[Caller]:
        """Call with our own client."""
        async with OmniStream(self.endpoint, OmniOptions(**options), handlers=handlers) as stream:
            yield Caller(stream)

    def socket(self, query: str = "rate=16000", path: str = "/v1/omni", key: str = "", **options: Any) -> connect:
        """Call with a bare socket."""
        options.setdefault("subprotocols", ["pyai.v1", f"pyai-key.{key or self.server.api_key}"])
        address = f"ws{self.server.base_url.removeprefix('http')}{path}?{query}"
        return connect(address, compression=None, **options)

    async def records(self) -> list[dict[str, Any]]:
        """Return the records of the calls, newest first, once every call is over."""
        async with asyncio.timeout(10):
            while self.server.app.state.sessions:  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(SLOT)
        return (await self.http.get("/v1/omni/calls")).json()["data"]


@asynccontextmanager
async def omni_server(
    lines: Iterable[Sequence[Any] | str] = (),
    *,
    brain: Brain | None = None,
    engines: Engines | None = None,
    settings: Settings | None = None,
) -> AsyncGenerator[Omni]:
    """Serve with test engines and a scripted brain unless others are given."""
    settings = replace(settings or Settings(), outbound_loopback=True)
    brain = brain or ScriptedBrain(lines)
    made = engines or coded_engines()
    try:
        async with running(made, settings, brain=brain) as server:
            bearer = {"Authorization": f"Bearer {server.api_key}"}
            async with httpx.AsyncClient(base_url=server.base_url, headers=bearer, trust_env=False) as http:
                yield Omni(server, brain, made, http)
    finally:
        if engines is None:
            await made.aclose()


class Caller:
    """Somebody who speaks coded speech and notes what happens."""

    def __init__(self, stream: OmniStream) -> None:
        self.stream = stream
        self.events: list[OmniEvent] = []
        self._spoken = 0

    def speak(self, seconds: float) -> str:
        """Say something that was not said before; return the words that the recogniser makes of it."""
        first, count = self._spoken, round(seconds / SLOT)
        self._spoken += count
        self.stream.send_audio(coded_speech(count, first))
        return f"{first}-{first + count - 1}."

    async def until(self, kind: type[_E], condition: Callable[[_E], object] = lambda _: True) -> _E:
        """Return the next event of a kind."""
        async with asyncio.timeout(20):
            async for event in self.stream:
                self.events.append(event)
                if isinstance(event, kind) and condition(event):
                    return event
        raise AssertionError(f"no {kind.__name__} in {self.events}")

    def all(self, kind: type[_E]) -> list[_E]:
        """Return what came of a kind so far."""
        return [event for event in self.events if isinstance(event, kind)]


class Wire:
    """A bare socket that reads messages of the protocol."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.audio = bytearray()
        self.words = ""
        self.events: list[dict[str, Any]] = []

    async def say(self, kind: str, **fields: Any) -> None:
        await self.socket.send(b"\x03" + json.dumps({"type": kind, **fields}).encode())

    async def play(self, pcm: bytes, rate: int = 16000) -> None:
        """Send audio in real time, in slots of 20 ms."""
        size = rate // 50 * 2
        due = asyncio.get_running_loop().time()
        for start in range(0, len(pcm), size):
            await self.socket.send(b"\x01" + pcm[start : start + size])
            due += SLOT
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))

    async def read(self) -> dict[str, Any]:
        """Return the next event; sound and words on the way to it are noted."""
        async with asyncio.timeout(20):
            while True:
                message = await self.socket.recv()
                assert isinstance(message, bytes)
                match message[0]:
                    case 1:
                        self.audio += message[1:]
                    case 2:
                        self.words += message[1:].decode()
                    case _:
                        self.events.append(json.loads(message[1:]))
                        return self.events[-1]

    async def until(self, name: str) -> dict[str, Any]:
        while (event := await self.read()).get("event") != name:
            pass
        return event

    async def silent(self) -> AsyncIterator[None]:
        """Send silence beside everything else."""
        while True:
            await self.socket.send(b"\x01" + bytes(640))
            await asyncio.sleep(SLOT)
            yield
