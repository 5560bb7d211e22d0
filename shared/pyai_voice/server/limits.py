"""Bounds: how many at once, how many bytes a body may have, how long a client may stall; and request ids."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import service_error

if TYPE_CHECKING:
    from .settings import Settings

__all__ = ["Patience", "RequestId", "Slots", "limited"]

_RETRY_AFTER = 1.0
_DISCARDED = 16
"""How many times the limit is read and thrown away, so that the client reads the refusal and not a broken pipe."""


class Slots:
    """Counts what runs at once; refuses the one too many."""

    def __init__(self, most: int, what: str) -> None:
        self._most = most
        self._what = what
        self.taken = 0

    @contextmanager
    def take(self) -> Generator[None]:
        """Hold one slot. Raises RateLimitError with ``retry_after`` when none is free."""
        if self.taken >= self._most:
            raise service_error(
                f"All {self._most} {self._what} are in use", code="concurrency_limit_exceeded", retry_after=_RETRY_AFTER
            )
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


def limited(request: Request, limit: int, code: str = "payload_too_large", *, stall: float | None = None) -> Request:
    """Return the request with a bounded body.

    Reading it raises RequestError ``code`` (413) after ``limit`` bytes, and ServerError ``request_timeout``
    (408) when the client does not go on for ``stall`` seconds; the settings of the application say where it is None.
    """
    patience = stall or request.app.state.settings.receive_stall
    return Request(request.scope, _LimitedReceive(request.receive, limit, patience, code))


class _LimitedReceive:
    def __init__(self, receive: Receive, limit: int, stall: float, code: str) -> None:
        self._receive = receive
        self._limit = limit
        self._stall = stall
        self._code = code
        self._size = 0

    async def __call__(self) -> Message:
        message = await self._next()
        if self._size <= self._limit:
            return message
        while message.get("more_body") and self._size <= _DISCARDED * self._limit:
            message = await self._next()
        if message["type"] == "http.disconnect":
            return message
        raise service_error(f"The body is larger than {self._limit} bytes", code=self._code, status=413)

    async def _next(self) -> Message:
        try:
            async with asyncio.timeout(self._stall):
                message = await self._receive()
        except TimeoutError:
            message = None
        if message is None:
            raise service_error("The rest of the body did not come", code="request_timeout", status=408)
        self._size += len(message.get("body", b""))
        return message


class Patience:
    """Cuts a client off that does not read what it is sent, so that it cannot hold its place for ever."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await self._app(scope, receive, send if scope["type"] == "lifespan" else _PatientSend(scope, send))


class _PatientSend:
    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send

    async def __call__(self, message: Message) -> None:
        state = self._scope["app"].state
        settings: Settings = state.settings
        try:
            async with asyncio.timeout(settings.send_stall):
                await self._send(message)
        except TimeoutError:
            state.abort(self._scope["client"])  # the application is told as of any client that has gone


class RequestId:
    """Puts a fresh ``x-request-id`` on every answer, refused upgrades included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        scope["pyai.request_id"] = request_id = f"req_{secrets.token_hex(12)}"
        await self._app(scope, receive, _StampingSend(send, request_id))


_FIRST_MESSAGES = frozenset({"http.response.start", "websocket.http.response.start", "websocket.accept"})


class _StampingSend:
    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._header = (b"x-request-id", request_id.encode())

    async def __call__(self, message: Message) -> None:
        if message["type"] in _FIRST_MESSAGES:
            message = {**message, "headers": [*message.get("headers", ()), self._header]}
        await self._send(message)
