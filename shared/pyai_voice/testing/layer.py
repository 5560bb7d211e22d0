"""The ASGI layer that puts each Hear stream and each Speak request into the hands of its fault.

Above: :mod:`.server`, which says which fault is next. Below: the local server's application, unchanged.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from ..protocol.hear.wire import KEY_SUBPROTOCOL, STREAM_PATH, read_object
from ..redact import MASK
from .faults import Healthy, HearFault, SpeakFault
from .lines import HearLine, SpeakLine
from .records import HearRecord, SpeakRecord

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    Transport = Callable[[tuple[str, int]], asyncio.Transport | None]

__all__ = ["Book", "FaultLayer"]


@dataclass
class Book:
    """The faults that are still to come, and what has been."""

    hear: deque[HearFault]
    speak: deque[SpeakFault]
    streams: list[HearRecord] = field(default_factory=list[HearRecord])
    requests: list[SpeakRecord] = field(default_factory=list[SpeakRecord])
    lines: set[HearLine | SpeakLine] = field(default_factory=set[HearLine | SpeakLine])
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

    async def _serve(self, line: HearLine | SpeakLine, scope: Scope) -> None:
        if self._book.away:
            line.abort()
        elif await line.fault.begin(line):
            await self._app(scope, line.receive, line.send)
            return
        await line.gone()

    def _line(self, scope: Scope, receive: Receive, send: Send) -> HearLine | SpeakLine | None:
        book = self._book
        match scope["type"], scope.get("path"):
            case "websocket", path if path == f"/v1{STREAM_PATH}":
                fault = book.hear.popleft() if book.hear and not book.away else Healthy()
                book.streams.append(record := _hear_record(scope))
                return HearLine(receive, send, self._finder(scope), book.pulse, record, fault)
            case "http", "/v1/audio/speech":
                fault = book.speak.popleft() if book.speak and not book.away else Healthy()
                book.requests.append(record := SpeakRecord(time.monotonic()))
                reader = _BodyReader(receive, record)
                return SpeakLine(reader, send, self._finder(scope), book.pulse, record, fault)
            case _:
                return None

    def _finder(self, scope: Scope) -> Callable[[], asyncio.Transport | None]:
        return lambda: self._book.transport(scope["client"])


def _hear_record(scope: Scope) -> HearRecord:
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    offered = (MASK if name.startswith(KEY_SUBPROTOCOL) else name for name in scope["subprotocols"])
    shown = {name: MASK if name == "api_key" else value for name, value in query.items()}
    return HearRecord(time.monotonic(), shown, tuple(offered))


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
