"""What every request goes through: a place, a key, a bounded body, a watch on the line, one line of log.

Above: :mod:`.app`. A contract reads what is asked, then answers on a :class:`Reply`; it is cancelled the moment the
client has gone.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from typing import Protocol, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from pyai_voice.client import Client
from pyai_voice.errors import PyAIError, ServiceError, service_error
from pyai_voice.server.limits import Slots, limited

from .access import Access
from .refusals import from_upstream, refusal

__all__ = ["Contract", "Door", "Reply"]

_log = logging.getLogger("openai_pyai")

GONE = 499
"""In the log: the client hung up before the answer was complete."""
BROKEN = 599
"""In the log: the answer broke off after it had begun."""

Asked = TypeVar("Asked")


class Reply:
    """The answer as it goes out, and what the log says of it."""

    def __init__(self, send: Send, stall: float) -> None:
        self._send = send
        self._stall = stall
        self._began = time.monotonic()
        self.status = 0
        self.sent = 0
        """Bytes of the body."""
        self.first: float | None = None
        """Seconds from the request to the first byte of the body."""

    async def begin(self, media_type: str) -> None:
        """Say 200; the body follows piece by piece."""
        self.status = 200
        headers = [(b"content-type", media_type.encode("latin-1"))]
        await self._pass({"type": "http.response.start", "status": 200, "headers": headers})

    async def write(self, piece: bytes) -> None:
        """Send a piece of the body now."""
        if self.first is None:
            self.first = time.monotonic() - self._began
        self.sent += len(piece)
        await self._pass({"type": "http.response.body", "body": piece, "more_body": True})

    async def end(self) -> None:
        """Say that the body is complete."""
        await self._pass({"type": "http.response.body", "body": b"", "more_body": False})

    async def give(self, response: Response) -> None:
        """Send a whole answer."""
        self.status = response.status_code
        self.sent = len(response.body)
        await self._pass({"type": "http.response.start", "status": self.status, "headers": response.raw_headers})
        await self._pass({"type": "http.response.body", "body": bytes(response.body)})

    async def _pass(self, message: Message) -> None:
        try:
            async with asyncio.timeout(self._stall):
                await self._send(message)
            return
        except TimeoutError:
            pass
        raise ClientDisconnect


class Contract(Protocol[Asked]):
    """One endpoint."""

    name: str
    """For the log."""
    largest: int
    """Bytes of a body."""

    async def read(self, request: Request) -> Asked:
        """Return what is asked. Raises ServiceError."""
        ...

    async def answer(self, asked: Asked, client: Client, reply: Reply) -> None:
        """Ask the service and answer. Raises PyAIError."""
        ...


class Door:
    """One endpoint as an ASGI application."""

    def __init__(self, contract: Contract[Asked], access: Access, places: Slots, stall: float) -> None:
        self._contract = contract
        self._access = access
        self._places = places
        self._stall = stall

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request, reply = Request(scope, receive), Reply(send, self._stall)
        remark = "failed"
        try:
            error = await self._attempt(request, reply)
            remark = f"{error.code or error.category}: {error.message}" if error else ""
            if error is not None and not reply.status:
                await reply.give(refusal(error, request))
            elif error is not None:
                reply.status = BROKEN  # and the server cuts the connection, because the body is not complete
        except ClientDisconnect:
            reply.status, remark = GONE, ""
        finally:
            self._note(reply, remark)

    async def _attempt(self, request: Request, reply: Reply) -> ServiceError | None:
        try:
            with self._places.take():
                async with self._access.client(request) as client:
                    asked = await self._contract.read(limited(request, self._contract.largest))
                    return await self._ask(self._contract.answer(asked, client, reply), request)
        except HTTPException as error:  # a form that is none
            return service_error(error.detail, code="invalid_request", status=error.status_code)
        except ServiceError as error:
            return error

    async def _ask(self, answer: Awaitable[None], request: Request) -> ServiceError | None:
        try:
            await _while_there(answer, request.receive)
        except PyAIError as error:
            return from_upstream(error, self._access.provider.name, passes=self._access.passes)
        return None

    def _note(self, reply: Reply, remark: str) -> None:
        """Write the one line of a request: endpoint, status, bytes, first byte; never a secret, never a word said."""
        parts = [f"{self._contract.name} {reply.status or 500}", f"{reply.sent} bytes" if reply.sent else ""]
        parts.append(f"first after {reply.first * 1000:.0f} ms" if reply.first is not None else "")
        level = logging.WARNING if remark else logging.INFO
        _log.log(level, "%s", ", ".join(filter(None, [*parts, remark])))


async def _while_there(work: Awaitable[None], receive: Receive) -> None:
    """Finish the work; the moment the other side hangs up cancel it, wait until it has stopped, raise."""
    working = asyncio.ensure_future(work)
    watching = asyncio.create_task(_hung_up(receive))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        working.result()
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.wait((working, watching))
        if not working.cancelled():
            working.exception()  # so that nobody complains that it was never looked at


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
