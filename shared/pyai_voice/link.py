"""How messages travel: the only module that knows websockets.

Above: :mod:`pyai_voice.hear`. A link is one connection; it never reconnects. Its errors are ours, they hold no
request (whose headers have the key), and the library's debug log passes through a filter.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from ssl import SSLCertVerificationError
from typing import Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    WebSocketException,
)
from websockets.protocol import State
from websockets.typing import Subprotocol

from .backoff import retry_after
from .errors import (
    ConnectivityError,
    ProtocolError,
    PyAIError,
    StalledError,
    close_error,
    service_error,
    untrusted_error,
)
from .options import Endpoint, LinkOptions
from .protocol.envelope import read_fault
from .protocol.hear.wire import Message, subprotocols
from .redact import SecretFilter

__all__ = ["Connect", "Link", "Message", "memory_links", "websocket"]

_LARGEST_MESSAGE = 1 << 20
"""Bytes of a message from the server; the protocol's are below 16 kB."""
_SMALL = 16 * 1024
"""Bytes of a message that an empty buffer takes without waiting."""
_CLOSE_TIMEOUT = 1.0
_VIOLATIONS = frozenset({1002, 1007, 1009})
"""Close codes that our side sends when the other breaks WebSocket itself: bad frame, bad text, too large."""

_logger = logging.getLogger("pyai_voice.link")
_logger.addFilter(SecretFilter())


class Link(Protocol):
    """One open connection that carries messages both ways."""

    @property
    def ready(self) -> bool:
        """Whether the connection is open and nothing waits to be sent."""
        ...

    def send_now(self, message: Message, /) -> None:
        """Send one message without waiting; only where it is :attr:`ready`."""
        ...

    async def send(self, message: Message, /) -> None:
        """Send one message. Raises PyAIError when the connection is gone or makes no progress."""
        ...

    async def receive(self) -> Message:
        """Return the next message. Raises PyAIError when the connection is gone. Cancel-safe."""
        ...

    async def close(self) -> None:
        """Close with 1000, within about a second; harmless when called again."""
        ...

    def abort(self) -> None:
        """Drop the connection without a word; a close after it returns at once."""
        ...


Connect = Callable[[str, Endpoint, LinkOptions], Awaitable[Link]]
"""Opens a link to a WebSocket address (complete, with its query)."""


async def websocket(url: str, endpoint: Endpoint, options: LinkOptions) -> Link:
    """Open a WebSocket; the key travels as subprotocol. Raises PyAIError, always without a context."""
    try:
        async with asyncio.timeout(options.open_timeout):  # wait_for of Python 3.11 may lose a cancellation
            connection = await _dial(url, endpoint, options)
    except (OSError, WebSocketException, TimeoutError, ValueError) as error:
        failure = _handshake_error(error, endpoint, options)
    else:
        return _WebSocketLink(connection, options.send_stall)
    raise failure


class _Dial(connect):
    """The library's connect, without redirects: the key goes to the configured host only."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def _dial(url: str, endpoint: Endpoint, options: LinkOptions) -> ClientConnection:
    return await _Dial(
        url,
        subprotocols=[Subprotocol(name) for name in subprotocols(endpoint.api_key.get_secret_value())],
        open_timeout=None,
        ping_interval=options.ping,
        ping_timeout=options.ping,
        close_timeout=_CLOSE_TIMEOUT,
        compression=None,  # speech does not compress, and the context costs memory
        max_size=_LARGEST_MESSAGE,
        logger=_logger,
        proxy=None if endpoint.is_loopback() else True,
    )


def _handshake_error(error: Exception, endpoint: Endpoint, options: LinkOptions) -> PyAIError:
    where = endpoint.base_url
    match error:
        case InvalidStatus():
            return _refused(error, where)
        case TimeoutError():
            return StalledError(f"No answer from {where} within {options.open_timeout:g} s")
        case InvalidMessage() if isinstance(error.__cause__, EOFError):
            return ConnectivityError(f"{where} hung up during the handshake")
        case InvalidHandshake():
            hint = "Check base_url"
            return ProtocolError(f"{where} did not answer like a PyAI server ({type(error).__name__})", hint=hint)
        case SSLCertVerificationError():
            return untrusted_error(where)
        case OSError():
            return ConnectivityError(f"Cannot reach {where} ({error.strerror or type(error).__name__})")
        case _:
            return ConnectivityError(f"The connection to {where} broke off ({type(error).__name__})")


def _refused(error: InvalidStatus, where: str) -> PyAIError:
    response = error.response
    headers = dict(response.headers.raw_items())
    status = response.status_code
    if 200 <= status < 400:
        return ProtocolError(f"{where} answered HTTP {status} to a WebSocket upgrade", hint="Check base_url")
    fault = read_fault(bytes(response.body or b""), headers)
    return service_error(
        fault.message or f"{where} refused the connection",
        code=fault.code,
        status=status,
        request_id=fault.request_id,
        retry_after=retry_after(headers),
    )


class _WebSocketLink:
    def __init__(self, connection: ClientConnection, stall: float) -> None:
        self._connection = connection
        self._stall = stall

    @property
    def ready(self) -> bool:
        connection = self._connection
        return connection.protocol.state is State.OPEN and not connection.transport.get_write_buffer_size()

    def send_now(self, message: Message, /) -> None:
        if isinstance(message, str):
            self._connection.protocol.send_text(message.encode())
        else:
            self._connection.protocol.send_binary(message)
        self._connection.send_data()

    async def send(self, message: Message, /) -> None:
        if self.ready and len(message) <= _SMALL:
            self.send_now(message)  # neither a timer nor a task switch: nearly every message goes this way
            return
        try:
            async with asyncio.timeout(self._stall):
                await self._connection.send(message)
        except ConnectionClosed as error:
            failure = _closed(error)
        except TimeoutError:
            self.abort()
            failure = StalledError(f"The server took no data for {self._stall:g} s")
        else:
            return
        raise failure

    async def receive(self) -> Message:
        try:
            return await self._connection.recv()
        except ConnectionClosed as error:
            failure = _closed(error)
        raise failure

    async def close(self) -> None:
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await self._connection.close()
        except TimeoutError:
            self.abort()

    def abort(self) -> None:
        self._connection.transport.abort()


def _closed(error: ConnectionClosed) -> PyAIError:
    if error.rcvd is not None:
        return close_error(error.rcvd.code, error.rcvd.reason)
    if error.sent is not None and error.sent.code in _VIOLATIONS:
        return ProtocolError(f"The server sent what no PyAI server sends ({error.sent.reason or error.sent.code})")
    return ConnectivityError("The connection was lost")


class _MemoryLink:
    def __init__(self, inbox: asyncio.Queue[Message | None], outbox: asyncio.Queue[Message | None]) -> None:
        self._inbox, self._outbox = inbox, outbox

    @property
    def ready(self) -> bool:
        return not self._outbox.full()

    def send_now(self, message: Message, /) -> None:
        self._outbox.put_nowait(message)

    async def send(self, message: Message, /) -> None:
        await self._outbox.put(message)

    async def receive(self) -> Message:
        message = await self._inbox.get()
        if message is None:
            raise close_error(1000)
        return message

    async def close(self) -> None:
        await self._outbox.put(None)

    def abort(self) -> None:
        self._inbox.put_nowait(None)


def memory_links() -> tuple[Link, Link]:
    """Return the two ends of one link inside the process: for tests, and to embed a server."""
    left: asyncio.Queue[Message | None] = asyncio.Queue(64)
    right: asyncio.Queue[Message | None] = asyncio.Queue(64)
    return _MemoryLink(left, right), _MemoryLink(right, left)
