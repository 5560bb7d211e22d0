"""Sockets under http: a reply that comes while a body is still going out is heard, not lost in a broken pipe.

Above: :mod:`pyai_voice.http`. A service may answer 429 in the middle of an upload and close (protocol of PyAI,
"Error envelopes"). httpcore's own sockets do not read while they write; then the write fails, and the answer is
thrown away with it.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import re
from collections.abc import Iterable
from ssl import SSLContext
from typing import Any, cast
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore

from .errors import ConfigurationError

__all__ = ["connection_pool", "environment_proxy"]

_MOST_UNREAD = 262_144
"""Bytes that wait to be read before the server has to wait."""
_HAPPY_EYEBALLS = 0.25
"""Seconds before a host's next address is tried as well."""
_REFUSAL = re.compile(rb"HTTP/1\.[01] [345]")
_MOST_CONNECTIONS = 256
_MOST_IDLE = 64
"""Kept open for the next requests: fifty calls that speak at the same time need no new ones."""
_KEEP_ALIVE = 60.0
"""Seconds that an idle connection is kept: less than servers usually keep theirs, so that we close first."""


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
    """Plain asyncio sockets. Time-outs are the caller's."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        racing = isinstance(loop, asyncio.BaseEventLoop) and not _is_address(host)  # uvloop does not know the word
        connect = functools.partial(loop.create_connection, _Stream, host, port)
        try:
            _, stream = await (connect(happy_eyeballs_delay=_HAPPY_EYEBALLS) if racing else connect())
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from None
        return stream


def _is_address(host: str) -> bool:
    """Tell whether nothing is to race: a race that is cancelled as it is won leaves its socket to the collector."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class _Stream(asyncio.Protocol, httpcore.AsyncNetworkStream):
    """One connection; it reads all the time, also while a body goes out."""

    def __init__(self) -> None:
        self._transport = asyncio.Transport()
        self._received = bytearray()
        self._changed = asyncio.Event()
        self._full = False
        self._ended = False
        self._fault = ""

    # What asyncio reports

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if len(self._received) > _MOST_UNREAD:
            self._transport.pause_reading()
        self._changed.set()

    def eof_received(self) -> None:
        self._ended = True
        self._changed.set()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self._fault = str(exc) or type(exc).__name__
            self._received += _unread(self._transport)
        self._ended = True
        self._changed.set()

    # What httpcore asks for

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        while not self._received and not self._ended:
            await self._change()
        if not self._received and self._fault:
            raise httpcore.ReadError(self._fault)
        data = bytes(self._received[:max_bytes])
        del self._received[:max_bytes]
        if not self._ended and len(self._received) <= _MOST_UNREAD:
            self._transport.resume_reading()
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not self._ended:
            self._transport.write(buffer)
        while self._full and not self._ended and not _REFUSAL.match(self._received):
            await self._change()
        if self._ended or self._full:
            raise httpcore.WriteError(self._fault or "refused")  # httpcore then turns to reading the reply

    async def aclose(self) -> None:
        self._transport.abort()

    async def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        try:
            secure = await loop.start_tls(self._transport, self, ssl_context, server_hostname=server_hostname)
        except OSError as error:  # SSLError as well
            raise httpcore.ConnectError(str(error) or type(error).__name__) from None
        self._transport = cast("asyncio.Transport", secure)
        return self

    def get_extra_info(self, info: str) -> Any:
        """Tell whether there is something to read, which on an idle connection means that it is over."""
        if info == "is_readable":
            return self._ended or bool(self._received)
        return self._transport.get_extra_info(info)

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


def _unread(transport: asyncio.Transport) -> bytes:
    """Return what the kernel still holds: asyncio stops reading when a write fails."""
    if transport.get_extra_info("ssl_object") is not None:
        return b""
    try:
        with transport.get_extra_info("socket").dup() as socket:
            return socket.recv(_MOST_UNREAD)
    except (OSError, TypeError):  # TypeError: uvloop's sockets cannot do this
        return b""
