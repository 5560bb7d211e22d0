"""Addresses that a service names, such as a job's large result: fetched without the key, from public machines only.

Above: :mod:`pyai_voice.rest`. Below: network (sockets), addresses (the guard). No redirect is followed, and the address
itself is in no message: whoever knows it may read what is there.
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import httpcore

from .errors import ConnectivityError, ProtocolError, PyAIError, ServerError, ServiceError, StalledError
from .exchange import NETWORK_FAULTS, NOT_PYAI, Answer
from .http import tls_context
from .network import connection_pool, environment_proxy

__all__ = ["fetch"]

LARGEST = 64 * 1024 * 1024
"""Bytes that are taken."""


async def fetch(url: str, *, local: bool = False, timeout: float = 60.0) -> Answer:
    """Return what is at an https address, within so many seconds. One attempt.

    ``local``: who named it runs on this machine, so http and this machine are allowed as well. Raises ProtocolError
    for an address that may not be fetched or an answer that is too large, StalledError, ConnectivityError,
    ServiceError for a status that is no success.
    """
    host = _host(url, local)
    tls = await asyncio.to_thread(tls_context) if url.startswith("https:") else None
    proxy = None if local else environment_proxy(url)
    try:
        async with asyncio.timeout(timeout), connection_pool(tls, proxy, public=not local and not proxy) as pool:
            return await _ask(pool, url, host)
    except PyAIError as error:
        failure = error
    except TimeoutError:
        failure = StalledError(f"{host} took longer than {timeout:g} s to answer", code="stalled")
    except PermissionError as error:
        failure = ProtocolError(f"The address may not be fetched: {error}", code="address_refused")
    except NETWORK_FAULTS as error:
        failure = ConnectivityError(f"Cannot read from {host} ({type(error).__name__})", code="cannot_connect")
    raise failure


def _host(url: str, local: bool) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.port != 0 else None
    except ValueError:
        host = None
    else:
        if host and not parts.username and (parts.scheme == "https" or local and parts.scheme == "http"):
            return host
    raise ProtocolError(
        f"The server named an address that may not be fetched{f' ({host})' if host else ''}: expected https",
        code="address_refused",
        hint=NOT_PYAI,
    )


async def _ask(pool: httpcore.AsyncConnectionPool, url: str, host: str) -> Answer:
    async with pool.stream("GET", url, headers={"Host": urlsplit(url).netloc, "Accept-Encoding": "identity"}) as reply:
        if reply.status != 200:
            kind = ServerError if reply.status >= 500 else ServiceError
            raise kind(f"{host} answered HTTP {reply.status}", code="result_unavailable", status=reply.status)
        body = bytearray()
        async for chunk in reply.aiter_stream():
            body += chunk
            if len(body) > LARGEST:
                raise ProtocolError(f"{host} sent more than {LARGEST >> 20} MB")
    headers = {name.lower(): value for name, value in reply.headers}
    media_type = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
    return Answer(bytes(body), media_type, None)
