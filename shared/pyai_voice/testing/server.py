"""The local server in this process, with faults."""

from __future__ import annotations

import asyncio
import tempfile
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from starlette.middleware import Middleware

from ..options import Endpoint
from ..server.serving import bind, running
from ..server.settings import Settings
from .engines import coded_engines
from .faults import HearFault, OmniFault, SpeakFault
from .layer import Book, FaultLayer
from .records import HearRecord, OmniRecord, SpeakRecord

if TYPE_CHECKING:
    from ..server.brain import Brain
    from ..server.engines.load import Engines

__all__ = ["FaultyServer"]


class FaultyServer:
    """A PyAI server on a free port of this machine, for the length of an ``async with`` block.

    ``hear`` are the faults of the next Hear streams, first to last; ``speak`` those of the next Speak requests;
    ``omni`` those of the next Omni calls; then all goes well. Without ``engines`` test engines are used, which
    understand :func:`~.coded.coded_speech` only; engines that are given (``await load_engines()``) stay open.
    ``brain`` thinks for Omni (a ``ScriptedBrain``, say); without it the offline one does. Belongs to one event loop.
    """

    def __init__(
        self,
        *,
        hear: Iterable[HearFault] = (),
        speak: Iterable[SpeakFault] = (),
        omni: Iterable[OmniFault] = (),
        engines: Engines | None = None,
        brain: Brain | None = None,
        settings: Settings | None = None,
    ) -> None:
        self._book = Book(deque(hear), deque(speak), deque(omni))
        self._given = engines
        self._brain = brain
        self._settings = settings or Settings()
        self._life = AsyncExitStack()
        self._run = AsyncExitStack()
        self._engines: Engines
        self._port = 0
        self._key = ""

    @property
    def hear(self) -> deque[HearFault]:
        """The faults of the Hear streams to come; add to it as you like."""
        return self._book.hear

    @property
    def speak(self) -> deque[SpeakFault]:
        """The faults of the Speak requests to come."""
        return self._book.speak

    @property
    def omni(self) -> deque[OmniFault]:
        """The faults of the Omni calls to come."""
        return self._book.omni

    @property
    def streams(self) -> list[HearRecord]:
        """Every attempt to open a Hear stream, first to last."""
        return self._book.streams

    @property
    def requests(self) -> list[SpeakRecord]:
        """Every Speak request, first to last."""
        return self._book.requests

    @property
    def calls(self) -> list[OmniRecord]:
        """Every attempt to open an Omni call, first to last."""
        return self._book.calls

    @property
    def base_url(self) -> str:
        """Origin; the same after :meth:`start`."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def api_key(self) -> str:
        """A key that may do everything here."""
        return self._key

    @property
    def endpoint(self) -> Endpoint:
        """Address and key."""
        return Endpoint.from_env(self._key, self.base_url)

    async def until(self, condition: Callable[[], object], seconds: float = 20.0) -> None:
        """Wait until something is true of the records. Raises TimeoutError if that takes longer."""
        async with asyncio.timeout(seconds):
            while not condition():
                await self._book.changed.wait()

    async def stop(self) -> None:
        """Go away as a crashed machine does: drop every connection, refuse new ones. Harmless when called again."""
        self._book.away = True
        for line in list(self._book.lines):
            line.abort()
        await self._run.aclose()

    async def start(self) -> None:
        """Come back on the same port, with the same keys."""
        listening = bind(port=self._port)
        layer = Middleware(FaultLayer, book=self._book)
        server = await self._run.enter_async_context(
            running(self._engines, self._settings, listening=listening, middleware=[layer], brain=self._brain)
        )
        self._port = int(listening.getsockname()[1])
        self._key = server.api_key
        self._book.transport = server.transport
        self._book.away = False

    async def outage(self, seconds: float) -> None:
        """Be away for so long."""
        await self.stop()
        await asyncio.sleep(seconds)
        await self.start()

    async def __aenter__(self) -> Self:
        folder = self._life.enter_context(tempfile.TemporaryDirectory(prefix="pyai-voice-"))
        self._settings = replace(self._settings, data=self._settings.data or Path(folder))
        self._engines = self._given or coded_engines()
        if self._given is None:
            self._life.push_async_callback(self._engines.aclose)
        self._life.push_async_callback(self.stop)
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._life.aclose()
