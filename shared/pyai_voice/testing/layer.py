"""The ASGI layer that puts each Hear stream, Omni call and Speak request into the hands of its fault.

Above: :mod:`.server`, which says which fault is next. Below: the local server's application, unchanged.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qsl

from ..protocol.hear.wire import KEY_SUBPROTOCOL, STREAM_PATH, read_object
from ..redact import MASK
from .faults import Healthy, HearFault, OmniFault, SpeakFault
from .lines import HearLine, OmniLine, SpeakLine
from .records import HearRecord, OmniRecord, SpeakRecord

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    Transport = Callable[[tuple[str, int]], asyncio.Transport | None]

__all__ = ["Book", "FaultLayer"]

_Fault = TypeVar("_Fault", HearFault, SpeakFault, OmniFault)

Line = HearLine | OmniLine | SpeakLine

_HEAR = f"/v1{STREAM_PATH}"
_KEYS = ("api_key", "access_token", "token")
_OMNI = ("/v1/omni", "/v2/omni/chat")


@dataclass
class Book:
    """The faults that are still to come, and what has been."""

    hear: deque[HearFault]
    speak: deque[SpeakFault]
    omni: deque[OmniFault]
    streams: list[HearRecord] = field(default_factory=list[HearRecord])
    requests: list[SpeakRecord] = field(default_factory=list[SpeakRecord])
    calls: list[OmniRecord] = field(default_factory=list[OmniRecord])
    lines: set[Line] = field(default_factory=set[Line])
    """What is open now."""
    transport: Transport = lambda client: None
    """Finds the TCP connection of a client."""
    away: bool = False
    """Drop every connection that comes: the server is about to go."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def pulse(self) -> None:
        """Wake whoever waits for a change."""
        self.changed.set()
        self.changed = asyncio.Event()


class FaultLayer:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, book: Book) -> None:
        self._app = app
        self._book = book

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        line = self._line(scope, receive, send)
        if line is None:
            await self._app(scope, receive, send)
            return
        self._book.lines.add(line)
        self._book.pulse()
        try:
            await self._serve(line, scope)
        finally:
            line.record.open = False
            self._book.lines.discard(line)
            self._book.pulse()

    async def _serve(self, line: Line, scope: Scope) -> None:
        if self._book.away:
            line.abort()
        elif await line.fault.begin(line):
            await self._app(scope, line.receive, line.send)
            return
        await line.gone()

    def _line(self, scope: Scope, receive: Receive, send: Send) -> Line | None:
        book, finder = self._book, self._finder(scope)
        match scope["type"], scope.get("path"):
            case "websocket", path if path == _HEAR:
                book.streams.append(heard := HearRecord(*_opening(scope)))
                return HearLine(receive, send, finder, book.pulse, heard, self._next(book.hear))
            case "websocket", path if path in _OMNI:
                book.calls.append(called := OmniRecord(*_opening(scope)))
                return OmniLine(receive, send, finder, book.pulse, called, self._next(book.omni))
            case "http", "/v1/audio/speech":
                book.requests.append(asked := SpeakRecord(time.monotonic()))
                reader = _BodyReader(receive, asked)
                return SpeakLine(reader, send, finder, book.pulse, asked, self._next(book.speak))
            case _:
                return None

    def _next(self, faults: deque[_Fault]) -> _Fault | Healthy:
        return faults.popleft() if faults and not self._book.away else Healthy()

    def _finder(self, scope: Scope) -> Callable[[], asyncio.Transport | None]:
        return lambda: self._book.transport(scope["client"])


def _opening(scope: Scope) -> tuple[float, dict[str, str], tuple[str, ...]]:
    """Return when a stream came, its query and its subprotocols, the key hidden."""
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    offered = (MASK if name.startswith(KEY_SUBPROTOCOL) else name for name in scope["subprotocols"])
    shown = {name: MASK if name in _KEYS else value for name, value in query.items()}
    return time.monotonic(), shown, tuple(offered)


class _BodyReader:
    """Passes a request's body on and puts its JSON into the record."""

    def __init__(self, receive: Receive, record: SpeakRecord) -> None:
        self._receive = receive
        self._record = record
        self._body = b""

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request" and not self._record.fields:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                self._record.fields = read_object(self._body.decode("utf-8", "replace")) or {}
        return message
