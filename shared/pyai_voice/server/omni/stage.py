"""One stage of the way from thought to sound: runs ahead of whoever takes from it, by a few items, no more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Generic, TypeVar

from ...errors import PyAIError, ServerError

__all__ = ["Stage"]

Item = TypeVar("Item")

_log = logging.getLogger(__name__)


class Stage(Generic[Item]):
    """Iterates a generator in a task of its own. One taker."""

    def __init__(self, source: AsyncGenerator[Item], room: int) -> None:
        self._source = source
        self._room = asyncio.Semaphore(room)
        self._items = asyncio.Queue[Item | None]()
        self._failure: PyAIError | None = None
        self._ended = False
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(lambda _: self._items.put_nowait(None))  # also where it was cancelled

    async def take(self) -> Item | None:
        """Return the next item, None at the end, also when called again. Raises what the generator raised."""
        item = None if self._ended else await self._items.get()
        self._room.release()
        if item is None:
            self._ended = True
            if self._failure is not None:
                raise self._failure
        return item

    @property
    def done(self) -> bool:
        """Whether the generator has come to its end or was closed."""
        return self._task.done()

    def stop(self) -> None:
        """Close the generator soon."""
        self._task.cancel()

    async def aclose(self) -> None:
        """Close the generator."""
        self.stop()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            async with aclosing(self._source) as source:
                async for item in source:
                    await self._room.acquire()
                    self._items.put_nowait(item)
        except PyAIError as error:
            self._failure = error
        except Exception:  # noqa: BLE001 - the outermost line of the task: whoever takes gets an error
            _log.exception("a brain or a voice failed")
            self._failure = ServerError("The brain or the voice failed; see the server's log", code="internal_error")
