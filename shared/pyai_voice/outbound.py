"""Requests to addresses that somebody else chose: the only place where any are made.

Above: the server (knowledge endpoints, tools, callbacks) and :mod:`pyai_voice.rest` (large results). Such an address is
an attempt to reach what only this machine can reach, until shown otherwise: https only, every resolved address must be
public, the connection goes to the very address that was checked, no redirect is followed, no proxy is asked, the answer
is bounded and has a deadline.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpcore

from .errors import ConnectivityError

__all__ = ["Answer", "Outbound", "OutboundError", "check_address"]

_LARGEST = 64 * 1024
_MOST_CONNECTIONS = 64
_IDLE = 30.0
"""Seconds that a connection is kept."""
_TRANSLATED = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))
"""IPv6 addresses with an IPv4 address inside, which a gateway may turn into a private one."""


class OutboundError(ConnectivityError):
    """Nothing usable came back.

    ``code``: ``blocked_address``, ``timeout``, ``unreachable`` or ``too_large``. Says the host at most, never a path, a
    query or a header.
    """


@dataclass(frozen=True, slots=True)
class Answer:
    """What an address said."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case; of a name that comes twice, the last."""
    body: bytes

    @property
    def good(self) -> bool:
        """Whether it is a 2xx."""
        return 200 <= self.status < 300


class Outbound:
    """A pool of connections to the outside. Belongs to one event loop; close it with :meth:`aclose`."""

    def __init__(self, *, loopback: bool = False, tls: ssl.SSLContext | None = None) -> None:
        """``loopback``: this machine's own addresses are allowed as well, also without TLS; for tests."""
        self._loopback = loopback
        self._tls = tls
        self._pool: httpcore.AsyncConnectionPool | None = None

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, timeout: float, largest: int = _LARGEST
    ) -> Answer:
        """Post something; ``timeout`` in seconds for everything, ``largest`` in bytes. Raises OutboundError."""
        return await self.request("POST", url, body, headers, timeout=timeout, largest=largest)

    async def request(
        self,
        method: str,
        url: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        timeout: float,
        largest: int = _LARGEST,
    ) -> Answer:
        """Send one request, once. Raises OutboundError; an answer with any status is an answer, redirects too."""
        host = check_address(url, loopback=self._loopback).hostname or ""
        try:
            async with asyncio.timeout(timeout):
                return await self._send(method, url, body, headers or {}, largest)
        except TimeoutError:
            failure = OutboundError(f"{host} did not answer within {timeout:g} s", code="timeout")
        except OutboundError:
            raise
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            failure = OutboundError(f"{host} cannot be reached ({type(error).__name__})", code="unreachable")
        raise failure

    async def warm(self) -> None:
        """Load now what the first request would wait for (the certificates, about 30 ms)."""
        await self._connections()

    async def aclose(self) -> None:
        """Close every connection; safe to call twice."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    async def _send(self, method: str, url: str, body: bytes, headers: Mapping[str, str], largest: int) -> Answer:
        pool = await self._connections()
        plain = {"Host": urlsplit(url).netloc, "Content-Length": str(len(body)), **headers}
        async with pool.stream(method, url, headers=list(plain.items()), content=body) as response:
            received = bytearray()
            async for part in response.aiter_stream():
                received += part
                if len(received) > largest:
                    raise OutboundError(f"The answer has more than {largest} bytes", code="too_large")
            said = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            return Answer(response.status, said, bytes(received))

    async def _connections(self) -> httpcore.AsyncConnectionPool:
        if self._tls is None:
            self._tls = await asyncio.to_thread(ssl.create_default_context)
        if self._pool is None:
            self._pool = httpcore.AsyncConnectionPool(
                ssl_context=self._tls,
                max_connections=_MOST_CONNECTIONS,
                keepalive_expiry=_IDLE,
                network_backend=_CheckingBackend(self._loopback),
            )
        return self._pool


def check_address(url: str, *, loopback: bool = False) -> SplitResult:
    """Return the parts of an address that may be asked, as far as it can be told before its name is resolved.

    Raises OutboundError ``blocked_address``.
    """
    parts = _parts(url)
    host = parts.hostname or "" if parts else ""
    allowed = ("https", "http") if loopback and _is_loopback(host) else ("https",)
    if parts is None or not host or parts.scheme not in allowed or parts.username is not None or not url.isascii():
        raise OutboundError("Only https addresses without a user name are asked", code="blocked_address")
    return parts


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _CheckingBackend(httpcore.AsyncNetworkBackend):
    """Resolves a name, checks every address, and connects to the first that was checked: no second look-up."""

    def __init__(self, loopback: bool) -> None:
        self._loopback = loopback
        self._sockets: Any = httpcore.AnyIOBackend()  # without types where anyio is not seen

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(address[0]) for *_, address in found]
        if not addresses or not all(map(self._is_allowed, addresses)):
            raise OutboundError(f"{host} is no public address", code="blocked_address")
        return await self._sockets.connect_tcp(addresses[0], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def _is_allowed(self, address: str) -> bool:
        found = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        if found.is_loopback:
            return self._loopback
        return found.is_global and not found.is_multicast and not any(found in network for network in _TRANSLATED)
