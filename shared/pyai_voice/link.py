"""How messages travel: the only module that knows websockets.

Above: :mod:`pyai_voice.hear`. A link is one connection; it never reconnects. Its errors are ours, they hold no
request (whose headers have the key), and the library's debug log passes through a filter.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from ssl import SSLCertVerificationError
from typing import Any, Protocol, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    WebSocketException,
)
from websockets.frames import DATA_OPCODES, CloseCode, Frame, Opcode
from websockets.protocol import Event, State
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

__all__ = ["Connect", "Link", "Listener", "Message", "websocket"]

_LARGEST_MESSAGE = 1 << 20
"""Bytes of a message from the server; the protocol's are below 16 kB."""
_SMALL = 16 * 1024
"""Bytes of a message that an empty buffer takes without waiting."""
_CLOSE_TIMEOUT = 1.0
_VIOLATIONS = frozenset({1002, 1007, 1009})
"""Close codes that our side sends when the other breaks WebSocket itself: bad frame, bad text, too large."""

_logger = logging.getLogger("pyai_voice.link")
_logger.addFilter(SecretFilter())


Listener = Callable[[Message], bool]
"""Takes a message at once, without waiting; returns whether it wants more."""


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

    async def listen(self, listener: Listener, /) -> None:
        """Hand over each message as it comes, from the first one, until the listener wants no more. Call it once.

        Raises PyAIError when the connection is gone, and whatever the listener raises.
        """
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


class _Connection(ClientConnection):
    """Hands each message over inside ``data_received``: between socket and listener are no queue and no task.

    Nothing piles up that way, so only what comes before there is a listener has to be held back.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._listener: Listener | None = None
        self._early: list[Frame] = []
        self._partial = bytearray()
        self._over: asyncio.Future[PyAIError | None] = self.loop.create_future()

    async def listen(self, listener: Listener) -> None:
        self._listener = listener
        for frame in self._early:
            self._gather(frame)
        self._early.clear()
        self.transport.resume_reading()
        if failure := await self._over:
            raise failure

    def process_event(self, event: Event) -> None:
        if not isinstance(event, Frame) or event.opcode not in DATA_OPCODES:
            super().process_event(event)
        elif self._listener is None:
            self._early.append(event)
            self.transport.pause_reading()
        else:
            self._gather(event)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if not self._over.done():
            self._over.set_result(_closed(self.protocol.close_exc))

    def _gather(self, frame: Frame) -> None:
        """Put the fragments of a message together; the library limits its size and knows their order."""
        self._is_text = frame.opcode is Opcode.TEXT or (frame.opcode is Opcode.CONT and self._is_text)
        self._partial += frame.data
        if frame.fin:
            whole, self._partial = self._partial, bytearray()
            self._hand_over(whole)

    def _hand_over(self, whole: bytearray) -> None:
        if self._listener is None or self._over.done():
            return
        try:
            message = whole.decode() if self._is_text else bytes(whole)
        except UnicodeDecodeError as error:
            self._fail(error)
            return
        try:
            if not self._listener(message):
                self._over.set_result(None)
        except Exception as error:  # noqa: BLE001 - outermost line of a callback: who listens gets it
            self._over.set_exception(error)

    def _fail(self, error: UnicodeDecodeError) -> None:
        self.protocol.fail(CloseCode.INVALID_DATA, f"{error.reason} at position {error.start}")
        self.send_data()
        self.transport.close()


async def _dial(url: str, endpoint: Endpoint, options: LinkOptions) -> _Connection:
    connection = await _Dial(
        url,
        create_connection=_Connection,
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
    return cast("_Connection", connection)


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
            reason = error.strerror or type(error).__name__
            return ConnectivityError(f"Cannot reach {where} ({reason})", code="cannot_connect")
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
    def __init__(self, connection: _Connection, stall: float) -> None:
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

    async def listen(self, listener: Listener, /) -> None:
        await self._connection.listen(listener)

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
