"""What every request of a front goes through: a place, a bounded body, a watch on the line, one line of log.

A front is an application that answers from a service behind it. Its :data:`Answering` coroutines get the request, whose
body is bounded, and a :class:`Reply`; what they raise as ServiceError is refused in the front's own shape.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from ..errors import PyAIError, ServiceError, service_error
from .limits import Slots, limited

__all__ = ["Answering", "Door", "Refusing", "Reply", "upstream_error"]

GONE = 499
"""In the log: the client hung up before the answer was complete."""
BROKEN = 599
"""In the log: the answer broke off after it had begun."""


class Reply:
    """The answer as it goes out, and what the log says of it."""

    def __init__(self, receive: Receive, send: Send, stall: float) -> None:
        """``stall``: seconds after which a client is given up that does not read."""
        self._receive = receive
        self._send = send
        self._stall = stall
        self._began = time.monotonic()
        self.status = 0
        """Of what has gone out; 0: nothing has."""
        self.sent = 0
        """Bytes of a body that went piece by piece."""
        self.first: float | None = None
        """Seconds from the request to the first of them."""
        self.remarks: list[str] = []
        """What else is worth a word in the log; never a secret, never a word said."""

    async def watched(self, work: Awaitable[None]) -> None:
        """Do the work; the moment the client hangs up cancel it, wait until it has stopped, raise ClientDisconnect."""
        working = asyncio.ensure_future(work)
        watching = asyncio.create_task(self._hung_up())
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

    async def begin(self, media_type: str) -> None:
        """Say 200; the body follows piece by piece."""
        self.status = 200
        headers = [(b"content-type", media_type.encode("latin-1")), (b"cache-control", b"no-store")]
        await self._pass({"type": "http.response.start", "status": 200, "headers": headers})

    async def write(self, piece: bytes) -> None:
        """Send a piece of the body now. Raises ClientDisconnect when the client does not read."""
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

    async def _hung_up(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


Answering = Callable[[Request, Reply], Awaitable[None]]
"""Answers one request. Raises ServiceError for what is refused."""
Refusing = Callable[[ServiceError, Request], Response]
"""Makes the answer that says no."""


class Door:
    """One endpoint of a front as an ASGI application."""

    def __init__(
        self,
        name: str,
        answering: Answering,
        refusing: Refusing,
        places: Slots,
        *,
        largest: int,
        stall: float,
        log: logging.Logger,
    ) -> None:
        """``name`` is the log's word for it; ``largest``: bytes of a body.

        ``stall``: seconds after which a client is given up that neither reads nor goes on sending.
        """
        self._name = name
        self._answering = answering
        self._refusing = refusing
        self._places = places
        self._largest = largest
        self._stall = stall
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request, reply = Request(scope, receive), Reply(receive, send, self._stall)
        complaint = "failed"
        try:
            complaint = await self._attempt(request, reply)
        except ClientDisconnect:
            reply.status, complaint = GONE, ""
        finally:
            self._note(reply, complaint)

    async def _attempt(self, request: Request, reply: Reply) -> str:
        """Answer, or refuse; return why."""
        try:
            with self._places.take():
                await self._answering(limited(request, self._largest, stall=self._stall), reply)
            return ""
        except ServiceError as error:
            refused = error
        if reply.status:
            reply.status = BROKEN  # and the server cuts the connection, because the body is not complete
        else:
            await reply.give(self._refusing(refused, request))
        return f"{refused.code or refused.category}: {refused.message}"

    def _note(self, reply: Reply, complaint: str) -> None:
        """Write the one line of a request: name, status, bytes, first byte, remarks."""
        parts = [f"{self._name} {reply.status or 500}", f"{reply.sent} bytes" if reply.sent else ""]
        parts.append(f"first after {reply.first * 1000:.0f} ms" if reply.first is not None else "")
        level = logging.WARNING if complaint else logging.INFO
        self._log.log(level, "%s", ", ".join(filter(None, [*parts, *reply.remarks, complaint])))


def upstream_error(error: PyAIError, service: str, status: int, retry_after: float | None = None) -> ServiceError:
    """Return what a client is told of a failure behind the front; as it is, it would look like the client's own."""
    failure = service_error(
        f"{service}: {error.code or error.category}", code="upstream_error", status=status, retry_after=retry_after
    )
    failure.retryable = error.retryable
    return failure
