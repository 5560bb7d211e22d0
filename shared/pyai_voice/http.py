"""HTTP: one pool of warm connections to one endpoint; the only module that knows httpx.

Above: :mod:`pyai_voice.speak` and :mod:`pyai_voice.rest`. The key goes to the configured origin only (a redirect is an
error), and no exception that leaves this module has a cause or a context: the library's errors hold the request.
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from http.client import responses
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from . import loop
from ._version import __version__
from .backoff import HOLD_OFF, retry_after
from .errors import (
    ConfigurationError,
    ConnectivityError,
    ProtocolError,
    PyAIError,
    ServiceError,
    StalledError,
    service_error,
)
from .exchange import NETWORK_FAULTS, NOT_PYAI, Answer, Exchange, Timeouts
from .network import connection_pool, environment_proxy
from .options import Endpoint
from .protocol.envelope import Fault, read_fault
from .redact import SecretFilter, clean
from .retry import admitted, retried

__all__ = ["HttpClient", "Pool", "Reply", "fault_error", "tls_context"]

LARGEST_ERROR = 64 * 1024
"""Bytes that are read of an error's body."""
LARGEST_JSON = 10 * 1024 * 1024
"""Bytes of any other body that is not audio."""

_FAULTS = (*NETWORK_FAULTS, httpx.InvalidURL, httpx.StreamError)

for _name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy"):
    logging.getLogger(_name).addFilter(SecretFilter())


class HttpClient:
    """Sends requests to one endpoint. Every method raises PyAIError only."""

    def __init__(
        self,
        endpoint: Endpoint,
        timeouts: Timeouts | None = None,
        *,
        window: float = 10.0,
        parent: HttpClient | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.timeouts = timeouts or Timeouts()
        self.window = window
        """Seconds within which another attempt may start; 0: there is only one."""
        self._parent = parent
        self._pool: Pool = parent._pool if parent else Pool(endpoint)
        self._closed = False

    def sharing(self, timeouts: Timeouts | None = None, *, window: float | None = None) -> HttpClient:
        """Return another client over the same connections; closing it leaves them open, closing this one closes it."""
        window = self.window if window is None else window
        return HttpClient(self.endpoint, timeouts or self.timeouts, window=window, parent=self)

    @property
    def closed(self) -> bool:
        """Whether it sends nothing any more."""
        return self._closed or (self._parent is not None and self._parent.closed)

    async def open(self, method: str, path: str, *, timeouts: Timeouts | None = None, **parts: Any) -> Reply:
        """Send one request, once, and return the reply when its head is there and good (2xx).

        ``parts``: what httpx takes to build a request (content, headers, params, data, files). The caller closes the
        reply.
        """
        if self.closed:
            raise closed_error()
        client = await self._pool.ready()
        exchange = Exchange(self.endpoint, timeouts or self.timeouts)
        try:
            request = client.build_request(
                method, self.endpoint.url(path), extensions={"trace": exchange.trace}, **parts
            )
            async with asyncio.timeout(exchange.timeouts.connect) as exchange.timer:
                response = await client.send(request, stream=True)
        except _FAULTS as error:
            failure = exchange.failure(error)
        else:
            return await self._accept(Reply(response, exchange))
        raise failure

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        """Read something; repeated on 429, 5xx and network errors within the window."""
        return await retried(
            functools.partial(self._get, path, dict(query or {})),
            self.endpoint,
            self.window,
            worth=lambda error: error.retryable,
        )

    async def send(self, method: str, path: str, body: object = None, idempotency_key: str = "") -> Answer:
        """Change something, with a JSON body unless it is None. The answer's body may be empty.

        Never repeated, unless an idempotency key makes that harmless: then as reads are.
        """
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        parts: dict[str, Any] = {"headers": headers}
        if body is not None:
            parts["content"] = _json(body)
            headers["Content-Type"] = "application/json"
        return await retried(
            functools.partial(self._once, method, path, **parts),
            self.endpoint,
            self.window,
            worth=lambda error: bool(idempotency_key) and error.retryable,
        )

    async def upload(
        self, path: str, fields: Mapping[str, str], part: str, file: tuple[str, bytes, str], within: float
    ) -> Answer:
        """Send a form with one file (name, content, media type) as ``part`` within so many seconds; never repeated."""
        await admitted(self.endpoint, time.monotonic() + self.window)
        timeouts = Timeouts(self.timeouts.connect, within, within)
        reply = await self.open("POST", path, timeouts=timeouts, data=dict(fields), files={part: file})
        return await reply.answer(within)

    async def prewarm(self) -> bool:
        """Open a connection now, so that the next request need not; tell whether the server answered."""
        try:
            await self._get("/models", {})
        except (ServiceError, ProtocolError):
            return True
        except PyAIError:
            return False
        return True

    async def aclose(self) -> None:
        """Close all connections; harmless when called again."""
        self._closed = True
        if self._parent is None:
            await self._pool.aclose()

    async def _get(self, path: str, query: dict[str, str]) -> Answer:
        reply = await self.open("GET", path, params=query)
        return await reply.answer(self.timeouts.whole)

    async def _once(self, method: str, path: str, **parts: Any) -> Answer:
        reply = await self.open(method, path, **parts)
        return await reply.answer(self.timeouts.whole)

    async def _accept(self, reply: Reply) -> Reply:
        if 200 <= reply.status < 300 and reply.headers.get("content-encoding", "identity") == "identity":
            return reply
        error = await self._refusal(reply)
        if error.retry_after:
            HOLD_OFF.hold(self.endpoint, error.retry_after)
        raise error

    async def _refusal(self, reply: Reply) -> PyAIError:
        body = await reply.beginning(LARGEST_ERROR)
        if reply.status < 300:
            return ProtocolError("The server compressed its answer, although it was asked not to", hint=NOT_PYAI)
        if reply.status < 400:
            target = urlsplit(reply.headers.get("location", "")).netloc or "another path"
            return ProtocolError(
                f"{self.endpoint.base_url} redirects to {target} (HTTP {reply.status}); the key goes nowhere else",
                status=reply.status,
                hint="Set base_url to the service's own address",
            )
        return fault_error(read_fault(body, reply.headers), reply)


class Pool:
    """The connections to one endpoint, opened as they are needed; of one event loop."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._client: httpx.AsyncClient | None = None
        self._closed = False

    async def ready(self) -> httpx.AsyncClient:
        """Return what sends requests. Raises ConfigurationError when the pool is closed."""
        if self._client is None and not self._closed:
            secure = self._endpoint.base_url.startswith("https:")
            tls = await asyncio.to_thread(tls_context) if secure else None  # it takes 20 to 60 ms
            self._client = self._client or _new_client(self._endpoint, tls)
        if self._closed or self._client is None:
            raise closed_error()
        return self._client

    async def aclose(self) -> None:
        """Close all connections; harmless when called again."""
        self._closed = True
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


def closed_error() -> ConfigurationError:
    """Return the error for what is closed already."""
    return ConfigurationError("This client is closed", code="closed", hint="Make a new one")


def _json(body: object) -> bytes:
    """Return a body as JSON. Raises ConfigurationError for what JSON does not have."""
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:  # half a surrogate pair is a ValueError as well
        fault = str(error) if not isinstance(error, UnicodeError) else "a text that is not Unicode"
    raise ConfigurationError(f"The body cannot be sent: {fault}", code="invalid_option")


def fault_error(fault: Fault, reply: Reply) -> ServiceError:
    """Return the error for what the body of a reply says."""
    return service_error(
        fault.message[:_LONGEST_MESSAGE]
        or f"{reply.server} answered HTTP {reply.status} {responses.get(reply.status, '')}".rstrip(),
        code=fault.code[:_LONGEST_CODE],
        status=reply.status if reply.status >= 400 else None,
        request_id=fault.request_id or reply.request_id,
        retry_after=retry_after(reply.headers),
    )


_LONGEST_MESSAGE = 500
_LONGEST_CODE = 64


class Reply:
    """An answer whose head is here and whose body is still coming."""

    def __init__(self, response: httpx.Response, exchange: Exchange) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.request_id = clean(response.headers.get("x-request-id", "")) or None
        self.media_type = clean(response.headers.get("content-type", "").partition(";")[0].strip().lower())
        self.server = exchange.endpoint.base_url
        self._response = response
        self._exchange = exchange
        self._chunks: AsyncIterator[bytes] = response.aiter_raw()
        self._deadline: float | None = exchange.deadline
        self._head = b""
        self._closed = False

    async def peek(self, size: int) -> bytes:
        """Return the first bytes of the body, at least ``size`` unless it is shorter; they stay in it."""
        while len(self._head) < size and (chunk := await self._receive()):
            self._head += chunk
        return self._head

    async def chunk(self) -> bytes:
        """Return the next piece of the body; b"" at its end, also after :meth:`aclose`.

        Raises StalledError when nothing comes in time, ConnectivityError when the body is cut.
        """
        head, self._head = self._head, b""
        return head or await self._receive()

    async def _receive(self) -> bytes:
        if self._closed:
            return b""
        deadline = self._deadline or loop.now() + self._exchange.timeouts.gap
        self._deadline = None
        try:
            async with asyncio.timeout_at(deadline):
                return await anext(self._chunks, b"")
        except _FAULTS as error:
            failure = self._cut(error)
        await self.aclose()
        if failure is None:
            return b""
        raise failure

    async def answer(self, within: float) -> Answer:
        """Read the rest and close. Raises ProtocolError if it is too large, StalledError if it takes too long."""
        try:
            async with asyncio.timeout(within):
                body = await self.beginning(LARGEST_JSON + 1, whole=True)
        except TimeoutError as error:
            stalled = error if isinstance(error, StalledError) else None
        else:
            if len(body) <= LARGEST_JSON:
                return Answer(body, self.media_type, self.request_id)
            raise ProtocolError(f"The server's answer is larger than {LARGEST_JSON >> 20} MB", hint=NOT_PYAI)
        raise stalled or StalledError(f"{self.server} took longer than {within:g} s to answer")

    async def beginning(self, size: int, *, whole: bool = False) -> bytes:
        """Return at most ``size`` bytes of the body and close; a broken body raises only if it is wanted whole."""
        body = bytearray()
        try:
            while len(body) < size and (chunk := await self.chunk()):
                body += chunk
        except ConnectivityError:
            if whole:
                raise
        finally:
            await self.aclose()
        return bytes(body[:size])

    async def aclose(self) -> None:
        """Drop the connection if the body is not complete, so that the server stops; harmless when called again."""
        self._closed = True
        self._head = b""
        await self._response.aclose()

    def _cut(self, error: Exception) -> PyAIError | None:
        if self._closed:
            return None
        if isinstance(error, TimeoutError):
            return StalledError(f"{self.server} sent no data in time", code="stalled", request_id=self.request_id)
        return ConnectivityError("The answer broke off", code="answer_cut", request_id=self.request_id)


@functools.cache
def tls_context() -> ssl.SSLContext:
    """Return the one TLS context of this process: verifying; ``SSL_CERT_FILE`` names further authorities."""
    return httpx.create_ssl_context()


def _new_client(endpoint: Endpoint, tls: ssl.SSLContext | None) -> httpx.AsyncClient:
    proxy = None if endpoint.is_loopback() else environment_proxy(endpoint.base_url)
    return httpx.AsyncClient(
        transport=_Transport(connection_pool(tls, proxy)),
        auth=_KeyAuth(endpoint),
        headers={"User-Agent": f"pyai-voice/{__version__}", "Accept-Encoding": "identity"},
        timeout=None,  # each step has its own, see Timeouts
        trust_env=False,
    )


class _KeyAuth(httpx.Auth):
    """Adds the key at the last moment: no variable of ours ever holds a header with it."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        request.headers["Authorization"] = f"Bearer {self._endpoint.api_key.get_secret_value()}"
        yield request


class _Transport(httpx.AsyncBaseTransport):
    """httpx over our own pool; errors stay httpcore's."""

    def __init__(self, pool: httpcore.AsyncConnectionPool) -> None:
        self._pool = pool

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        reply = await self._pool.handle_async_request(
            httpcore.Request(
                request.method,
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(reply.status, headers=reply.headers, stream=_Body(reply))

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, reply: httpcore.Response) -> None:
        self._reply = reply

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._reply.aiter_stream():
            yield chunk

    async def aclose(self) -> None:
        await self._reply.aclose()
