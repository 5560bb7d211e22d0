"""A server on a real socket with engines that follow simple rules."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from pyai_voice.server.engines.load import Engines
from pyai_voice.server.serving import Running, running
from pyai_voice.server.settings import Settings
from tests.server.fakes import fake_engines
from tests.server.knowledge_servers import emptied, postgres

STREAM = "/v1/audio/transcriptions/stream"


class Local:
    """A running server and a client for it."""

    def __init__(self, server: Running, engines: Engines, http: httpx.AsyncClient) -> None:
        self.server = server
        self.engines = engines
        self.http = http
        """Without a key."""
        self.bearer = {"Authorization": f"Bearer {server.api_key}"}

    async def post(self, path: str, **arguments: Any) -> httpx.Response:
        return await self.http.post(path, headers=self.bearer, **arguments)

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(path, headers=self.bearer)

    def stream(self, query: str = "protocol=pyai-hear-v1", **options: Any) -> connect:
        """Open a Hear stream the way PyAI's clients do."""
        options.setdefault("subprotocols", ["pyai.v1", f"pyai-key.{self.server.api_key}"])
        options.setdefault("compression", None)
        return connect(f"ws{self.server.base_url.removeprefix('http')}{STREAM}?{query}", **options)


Serve = Callable[..., AbstractAsyncContextManager[Local]]


@asynccontextmanager
async def serve(settings: Settings | None = None, **options: Any) -> AsyncIterator[Local]:
    engines = fake_engines()
    try:
        async with (
            running(engines, settings, **options) as server,
            httpx.AsyncClient(base_url=server.base_url, trust_env=False) as http,
        ):
            yield Local(server, engines, http)
    finally:
        await engines.aclose()


@pytest.fixture
async def local() -> AsyncIterator[Local]:
    async with serve() as server:
        yield server


async def read(socket: ClientConnection) -> dict[str, Any]:
    """Return the next message."""
    return json.loads(await socket.recv())


async def until(socket: ClientConnection, kind: str) -> list[dict[str, Any]]:
    """Return the messages up to the first one of a type, that one included."""
    messages = [await read(socket)]
    while messages[-1]["type"] != kind:
        messages.append(await read(socket))
    return messages


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL with pgvector."""
    with postgres() as address:
        yield address


@pytest.fixture
def postgres_database(postgres_server: str) -> str:
    """The address of a database without a knowledge store."""
    return emptied(postgres_server)
