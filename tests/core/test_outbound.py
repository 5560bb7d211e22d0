"""Requests to addresses that somebody else chose: what is asked, what is refused, what comes back."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pyai_voice.outbound import Outbound, OutboundError

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(talk: Talk) -> AsyncGenerator[str]:
    """Serve every connection with ``talk``; yields the origin."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def answering(status: str, body: bytes = b"", headers: str = "") -> tuple[Talk, list[bytes]]:
    seen: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
        seen.append(head + await reader.readexactly(size))
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body)
        await writer.drain()

    return talk, seen


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    outbound = Outbound(loopback=True)
    yield outbound
    await outbound.aclose()


async def test_a_post_carries_body_and_headers_and_brings_the_answer(outbound: Outbound) -> None:
    talk, seen = answering("200 OK", b'{"a":1}', "X-Two: 2\r\n")
    async with listening(talk) as origin:
        answer = await outbound.post(f"{origin}/kb?x=1", b'{"q":1}', {"Authorization": "Bearer t"}, timeout=5)
    assert (answer.status, answer.good, answer.body, answer.headers["x-two"]) == (200, True, b'{"a":1}', "2")
    assert seen[0].startswith(b"POST /kb?x=1 HTTP/1.1\r\n") and b"Authorization: Bearer t" in seen[0]
    assert seen[0].endswith(b'{"q":1}') and f"Host: {origin[7:]}".encode() in seen[0]


async def test_a_redirect_is_an_answer_and_is_not_followed(outbound: Outbound) -> None:
    talk, seen = answering("307 Temporary Redirect", headers="Location: http://127.0.0.1:9/\r\n")
    async with listening(talk) as origin:
        assert (await outbound.post(origin, b"", {}, timeout=5)).status == 307
    assert len(seen) == 1


async def test_an_answer_that_is_too_large_is_given_up(outbound: Outbound) -> None:
    talk, _ = answering("200 OK", bytes(5000))
    async with listening(talk) as origin:
        with pytest.raises(OutboundError) as error:
            await outbound.post(origin, b"", {}, timeout=5, largest=4999)
        assert error.value.code == "too_large"
        assert len((await outbound.post(origin, b"", {}, timeout=5, largest=5000)).body) == 5000


async def test_an_address_that_does_not_answer_costs_its_deadline_and_no_more(outbound: Outbound) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(talk) as origin:
        with pytest.raises(OutboundError) as error:
            await outbound.post(f"{origin}/secret-path", b"", {"X": "secret"}, timeout=0.05)
    assert error.value.code == "timeout"
    assert "secret" not in f"{error.value} {error.value.__context__!r} {error.value.__cause__!r}"


async def test_a_closed_port_is_unreachable(outbound: Outbound) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(OutboundError) as error:
        await outbound.post(f"http://127.0.0.1:{port}/", b"", {}, timeout=5)
    assert error.value.code == "unreachable"


async def test_nonsense_instead_of_http_is_unreachable(outbound: Outbound) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello\r\n\r\n")
        await writer.drain()

    async with listening(talk) as origin:
        with pytest.raises(OutboundError) as error:
            await outbound.post(origin, b"", {}, timeout=5)
    assert error.value.code == "unreachable"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "https://user:word@example.com/",
        "https:///path",
        "https://exa\u043cple.com/",
        "https://[::1",
        "https://example.com:99999/",
        "file:///etc/passwd",
        "http://localhost.example.com/",
    ],
)
async def test_what_is_no_https_address_is_refused_before_anything_is_asked(outbound: Outbound, url: str) -> None:
    with pytest.raises(OutboundError) as error:
        await outbound.post(url, b"", {}, timeout=5)
    assert error.value.code == "blocked_address"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "ff02::1",
    ],
)
@pytest.mark.parametrize("by_name", [False, True])
async def test_addresses_that_are_not_public_are_refused_also_behind_a_name(
    monkeypatch: pytest.MonkeyPatch, address: str, by_name: bool
) -> None:
    async def resolve(host: str, port: int, **_: Any) -> list[Any]:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    host = "kb.example.com" if by_name else (f"[{address}]" if ":" in address else address)
    outbound = Outbound()
    with pytest.raises(OutboundError) as error:
        await outbound.post(f"https://{host}/", b"", {}, timeout=5)
    assert error.value.code == "blocked_address"
    await outbound.aclose()


async def test_a_name_with_one_private_address_among_public_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in ("93.184.216.34", "10.0.0.1")]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    outbound = Outbound()
    with pytest.raises(OutboundError) as error:
        await outbound.post("https://kb.example.com/", b"", {}, timeout=5)
    assert error.value.code == "blocked_address"
    await outbound.aclose()


async def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[str] = []
    talk, seen = answering("200 OK", b"ok")
    async with listening(talk) as origin:
        loop, port = asyncio.get_running_loop(), int(origin.rpartition(":")[2])
        real = loop.getaddrinfo

        async def resolve(host: str | bytes | None, port: Any, **options: Any) -> Any:
            looked_up.append(str(host))
            return await real("127.0.0.1" if host == "localhost" else host, port, **options)

        monkeypatch.setattr(loop, "getaddrinfo", resolve)
        outbound = Outbound(loopback=True)
        assert (await outbound.post(f"http://localhost:{port}/", b"", {}, timeout=5)).good
        await outbound.aclose()
    assert looked_up.count("localhost") == 1
    assert f"Host: localhost:{port}".encode() in seen[0]
