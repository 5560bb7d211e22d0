"""What every HTTP contract goes through: a place, a credential, a bounded body, a watch on the line, one line of log.

Above: :mod:`.app`. A contract is a coroutine that gets an :class:`Asked` and answers on a :class:`Reply`; it is
cancelled the moment the other side has gone.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from pyai_voice.errors import ServiceError
from pyai_voice.server.limits import Slots, limited

from .access import Access
from .refusals import Refusal, from_core

__all__ = ["Asked", "Contract", "Door", "Reply", "note"]

_log = logging.getLogger("vapi_pyai")

GONE = 499
"""In the log: the other side hung up before the answer was complete."""
BROKEN = 599
"""In the log: the answer broke off after it had begun."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request whose sender may ask."""

    body: bytes
    query: QueryParams


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
        self.call_id = ""
        """Vapi's name of the call, for the log."""
        self.remark = ""
        """What else is worth a word there."""

    @property
    def started(self) -> bool:
        """Whether the status has gone out."""
        return self.status != 0

    async def begin(self, media_type: str) -> None:
        """Say 200; the body follows piece by piece."""
        self.status = 200
        headers = [(b"content-type", media_type.encode("latin-1")), (b"cache-control", b"no-store")]
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
        headers = response.raw_headers
        await self._pass({"type": "http.response.start", "status": response.status_code, "headers": headers})
        await self._pass({"type": "http.response.body", "body": bytes(response.body)})

    async def json(self, content: object) -> None:
        """Send JSON."""
        await self.give(JSONResponse(content))

    async def _pass(self, message: Message) -> None:
        try:
            async with asyncio.timeout(self._stall):
                await self._send(message)
            return
        except TimeoutError:
            pass
        raise ClientDisconnect


Contract = Callable[[Asked, Reply], Coroutine[Any, Any, None]]


class Door:
    """One HTTP contract as an ASGI application."""

    def __init__(
        self, name: str, contract: Contract, access: Access, places: Slots, *, largest: int, stall: float
    ) -> None:
        self._name = name
        self._contract = contract
        self._access = access
        self._places = places
        self._largest = largest
        self._stall = stall

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        reply = Reply(send, self._stall)
        failed = True
        try:
            refusal = await self._attempt(Request(scope, receive), reply)
            if refusal is not None and not reply.started:
                await reply.give(refusal.response())
                reply.remark = refusal.message
            elif refusal is not None:
                reply.status, reply.remark = BROKEN, refusal.message
            failed = False
        except ClientDisconnect:
            reply.status = GONE
            failed = False
        finally:
            note(self._name, reply, failed=failed)

    async def _attempt(self, request: Request, reply: Reply) -> Refusal | None:
        try:
            with self._places.take():
                self._access.check_early(request)
                body = await limited(request, self._largest).body()
                self._access.check(request, body)
                await _while_there(self._contract(Asked(body, request.query_params), reply), request.receive)
        except Refusal as error:
            return error
        except ServiceError as error:
            return from_core(error)
        return None


def note(name: str, reply: Reply, *, failed: bool = False) -> None:
    """Write the one line of a request: contract, status, bytes, first byte, call; never a secret, never a word said."""
    parts = [f"{name} {reply.status or 500}", f"{reply.sent} bytes" if reply.sent else ""]
    parts.append(f"first after {reply.first * 1000:.0f} ms" if reply.first is not None else "")
    parts.append(f"call {reply.call_id!r}" if reply.call_id else "")
    level = logging.INFO if reply.status in (200, GONE) and not failed else logging.WARNING
    _log.log(level, "%s", ", ".join(filter(None, [*parts, reply.remark])))


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
