"""Sockets under http: a reply that comes while a body is still going out is heard, not lost in a broken pipe.

Above: :mod:`pyai_voice.http`. A service may answer 429 in the middle of an upload and close (protocol of PyAI,
"Error envelopes"). A socket that only writes then fails, and the answer is thrown away with it; here each large
write listens at the same time.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from ssl import SSLContext
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore

from .errors import ConfigurationError

__all__ = ["connection_pool", "environment_proxy"]

_LARGE = 16_384
"""Bytes; smaller writes fit into the socket's buffer and cannot block."""
_REFUSAL = re.compile(rb"HTTP/1\.[01] [345]")
_MOST_CONNECTIONS = 256
_MOST_IDLE = 20
_KEEP_ALIVE = 120.0
"""Seconds that an idle connection is kept."""


def connection_pool(tls: SSLContext | None, proxy: str | None) -> httpcore.AsyncConnectionPool:
    """Return a pool of HTTP/1.1 connections; ``tls`` None: for http only; ``proxy``: an http address or None."""
    limits: dict[str, Any] = {
        "ssl_context": tls,
        "max_connections": _MOST_CONNECTIONS,
        "max_keepalive_connections": _MOST_IDLE,
        "keepalive_expiry": _KEEP_ALIVE,
        "network_backend": _Backend(),
    }
    if proxy is None:
        return httpcore.AsyncConnectionPool(**limits)
    parts = urlsplit(proxy)
    login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    return httpcore.AsyncHTTPProxy(address, proxy_auth=login, **limits)


def environment_proxy(url: str) -> str | None:
    """Return the proxy that the environment (``HTTPS_PROXY``, ``NO_PROXY`` ...) names for an address, if any.

    Raises ConfigurationError for a kind of proxy that is not HTTP.
    """
    parts = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if urlsplit(proxy).scheme not in ("http", "https"):
        raise ConfigurationError(
            f"The environment names a {urlsplit(proxy).scheme} proxy for {parts.hostname}, which is not supported",
            code="unsupported_proxy",
            hint="Use an HTTP proxy, or put the host into NO_PROXY",
        )
    return proxy


class _Backend(httpcore.AsyncNetworkBackend):
    """The usual sockets, each with ears."""

    def __init__(self) -> None:
        self._sockets: httpcore.AsyncNetworkBackend = httpcore.AnyIOBackend()  # pyright: ignore[reportAttributeAccessIssue] - httpcore's stand-in for a missing anyio hides the real class

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        stream = await self._sockets.connect_tcp(host, port, timeout, local_address, socket_options)
        return _ListeningStream(stream)


class _ListeningStream(httpcore.AsyncNetworkStream):
    """Hears what comes in while a large write goes out, and keeps it for the next read."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._heard = bytearray()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if not self._heard:
            return await self._stream.read(max_bytes, timeout)
        data = bytes(self._heard[:max_bytes])
        del self._heard[:max_bytes]
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if len(buffer) < _LARGE:
            await self._stream.write(buffer, timeout)
            return
        listening = asyncio.create_task(self._refused())
        await asyncio.sleep(0)  # a reply that is there already is read before the write can fail
        writing = asyncio.create_task(self._stream.write(buffer, timeout))
        try:
            await self._race(listening, writing)
        finally:
            await _end(listening, writing)

    async def _race(self, listening: asyncio.Task[bool], writing: asyncio.Task[None]) -> None:
        await asyncio.wait({listening, writing}, return_when=asyncio.FIRST_COMPLETED)
        if not writing.done() and listening.result():
            raise httpcore.WriteError("refused")  # httpcore then turns to reading the reply
        await writing

    async def _refused(self) -> bool:
        """Listen until the server refuses (True) or says no more (False)."""
        while not _REFUSAL.match(self._heard) and len(self._heard) < _LARGE:
            try:
                data = await self._stream.read(_LARGE)
            except httpcore.NetworkError:
                return False
            if not data:
                return False
            self._heard += data
        return _REFUSAL.match(self._heard) is not None

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return _ListeningStream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
