"""A live stream: a task dials, converses and recovers until it is over; events wait for whoever reads them.

    dial --> converse --> over
     ^          | lost
     +-- wait <-+       with full jitter, as long as the outage is within LinkOptions.ride_through

Above: :mod:`.hear`, :mod:`.omni` and :mod:`.amd` say what is sent and heard on a connection. Nobody above them retries.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import ClassVar, Generic, Self, TypeVar

from . import loop
from .backoff import HOLD_OFF, Outage
from .errors import PyAIError
from .link import Connect, Link
from .options import Endpoint, LinkOptions
from .outlet import Outlet

__all__ = ["LiveStream"]

E = TypeVar("E")


class LiveStream(ABC, Generic[E]):
    """What the live faces have in common. Iterating is cancel-safe: no event is lost. Belongs to one event loop."""

    _name: ClassVar[str]
    """Of the task."""
    _least_wait: ClassVar[float] = 0.0
    """Seconds before another connection, at least."""

    def __init__(self, endpoint: Endpoint, link: LinkOptions | None, connect: Connect, outlet: Outlet[E]) -> None:
        self._endpoint = endpoint
        self._link_options = link or LinkOptions()
        self._connect = connect
        self._outlet = outlet
        self._outage = Outage(self._link_options)
        self._connections = 0
        self._task: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._closed = False
        self._ended = False

    @property
    def closed(self) -> bool:
        """Whether the stream takes no more audio: closing, ended or failed."""
        return self._closed

    def start(self) -> None:
        """Connect in the background now, before the first audio."""
        if self._task is None and not self._closed:
            self._task = asyncio.create_task(self._run(), name=self._name)

    async def aclose(self) -> None:
        """Close now; idempotent, within about two seconds. Events stay readable."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=2.0)
        self._end()  # the task has, unless it was cancelled before its first step

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> E:
        event = await self._outlet.get()
        if event is not None:
            return event
        if self._failure is not None:
            raise self._failure
        raise StopAsyncIteration

    # What a face adds

    @abstractmethod
    def _address(self) -> str:
        """Return where to dial, with the query."""

    @abstractmethod
    async def _converse(self, link: Link, took: float) -> PyAIError | None:
        """Use a new connection, dialled in so many seconds; return why it ended, None where the stream is over."""

    @abstractmethod
    def _disconnected(self, error: PyAIError) -> None:
        """Make ready for another connection, and tell that there is none now."""

    @abstractmethod
    def _settle(self) -> None:
        """Tell the last that there is to tell, once. Events after it are dropped."""

    # Life

    async def _run(self) -> None:
        try:
            while (error := await self._connection()) is not None:
                await self._recover(error)
        except Exception as error:  # noqa: BLE001 - the outermost line of the task: whoever reads the events gets it
            self._failure = error
        finally:
            self._end()

    async def _connection(self) -> PyAIError | None:
        """Dial once and converse; return why it ended, None where the stream is over."""
        await HOLD_OFF.passed(self._endpoint)
        began, address = loop.now(), self._address()
        try:
            link = await self._connect(address, self._endpoint, self._link_options)
        except PyAIError as error:
            return error
        try:
            self._connections += 1
            return await self._converse(link, loop.now() - began)
        finally:
            await link.close()

    async def _recover(self, error: PyAIError) -> None:
        """Wait until the next connection may be dialled; raise the error if it may not."""
        if error.retry_after:
            HOLD_OFF.hold(self._endpoint, error.retry_after)
        wait = self._outage.next_delay(error, loop.now())
        if wait is None:
            raise error
        self._disconnected(error)
        await asyncio.sleep(max(self._least_wait, wait))

    def _end(self) -> None:
        if not self._ended:
            self._ended = self._closed = True
            self._settle()
            self._outlet.end()
