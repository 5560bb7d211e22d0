"""An HTTP server on loopback whose every answer is a script: for faults that a real server makes once in a month."""

from __future__ import annotations

import asyncio
import email
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import Message
from ssl import SSLContext
from typing import Any

from pyai_voice.client import Client
from pyai_voice.options import Endpoint
from pyai_voice.provider import PYAI, Provider

CANARY = "pyai_test_canary-0123456789abcdef"


@dataclass
class Peer:
    """One request, and the means to answer it byte by byte."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self, status: int = 200, content_type: str = "audio/pcm", **headers: str) -> None:
        fields = {"content-type": content_type, "transfer-encoding": "chunked", "x-request-id": "req_1", **headers}
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
        await self.send(f"HTTP/1.1 {status} Scripted\r\n{lines}\r\n".encode())

    async def chunk(self, data: bytes) -> None:
        await self.send(b"%x\r\n%s\r\n" % (len(data), data))

    async def end(self) -> None:
        await self.send(b"0\r\n\r\n")

    async def gone(self) -> None:
        """Return when the client has closed the connection."""
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionError:
            pass

    def abort(self) -> None:
        self.writer.transport.abort()


Reply = Callable[[Peer], Awaitable[None]]


@dataclass
class Scripted:
    """The running server: ``requests`` holds what came, in order."""

    replies: list[Reply]
    port: int = 0
    requests: list[Peer] = field(default_factory=list)
    connections: int = 0
    wants_body: bool = True
    """False: answer as soon as the head of a request is there."""

    def endpoint(self, provider: Provider = PYAI, key: str = CANARY) -> Endpoint:
        return Endpoint(api_key=key, base_url=f"http://127.0.0.1:{self.port}", provider=provider)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while peer := await self._request(reader, writer, self.connections):
                number = len(self.requests)
                self.requests.append(peer)
                await self.replies[min(number, len(self.replies) - 1)](peer)
                if not self.wants_body:
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _request(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
    ) -> Peer | None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        except asyncio.IncompleteReadError:
            return None
        line, *fields = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (text.partition(": ") for text in fields)}
        body = await reader.readexactly(int(headers.get("content-length", 0))) if self.wants_body else b""
        method, target, _ = line.split(" ")
        return Peer(method, target, headers, body, reader, writer, connection)


@asynccontextmanager
async def scripted(
    *replies: Reply, port: int = 0, wants_body: bool = True, tls: SSLContext | None = None
) -> AsyncIterator[Scripted]:
    """Run a server that gives these replies in turn, the last one again and again."""
    server = Scripted(list(replies), wants_body=wants_body)
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(server.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listener = await asyncio.start_server(connected, "127.0.0.1", port, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answering(
    status: int = 200, body: bytes | dict[str, Any] | list[Any] = b"", content_type: str = "", **headers: str
) -> Reply:
    """Return a whole answer: JSON for a dict or list."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = content_type or ("audio/pcm" if isinstance(body, bytes) else "application/json")

    async def reply(peer: Peer) -> None:
        fields = {"content-type": kind, "content-length": str(len(data)), **headers}
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
        await peer.send(f"HTTP/1.1 {status} Scripted\r\n{lines}\r\n".encode() + data)

    return reply


@asynccontextmanager
async def rest(*replies: Reply, window: float = 0.5) -> AsyncIterator[tuple[Client, Scripted]]:
    """Run such a server and a client of it, which tries reads again for ``window`` seconds."""
    async with scripted(*replies) as server, Client(server.endpoint(), retry_window=window) as client:
        yield client, server


def form(peer: Peer) -> dict[str, Message]:
    """Return the parts of a multipart request by name, as Python's own e-mail parser reads them."""
    head = f"Content-Type: {peer.headers['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + peer.body)
    parts = message.get_payload()
    assert isinstance(parts, list)
    return {str(part.get_param("name", header="content-disposition")): part for part in parts}


def speaking(*chunks: bytes, content_type: str = "audio/pcm", **headers: str) -> Reply:
    """Return a streamed body in these chunks."""

    async def reply(peer: Peer) -> None:
        await peer.head(content_type=content_type, **headers)
        for chunk in chunks:
            await peer.chunk(chunk)
        await peer.end()

    return reply


async def hang(peer: Peer) -> None:
    """Take the request and say nothing."""
    await peer.gone()


async def hang_up(peer: Peer) -> None:
    """Take the request and close."""
    peer.abort()
