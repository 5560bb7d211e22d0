"""One thing to do later, unless it is called off: the only clock of the turn logic."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pipecat.processors.frame_processor import FrameProcessor

__all__ = ["Alarm"]


class Alarm:
    """At most one action waits; a new one takes its place. Belongs to a processor, whose task manager runs it."""

    def __init__(self, processor: FrameProcessor) -> None:
        self._processor = processor
        self._task: asyncio.Task[None] | None = None

    async def set(self, seconds: float, action: Callable[[], Awaitable[None]]) -> None:
        """Do it in so many seconds."""
        await self.clear()
        self._task = self._processor.create_task(self._ring(seconds, action), "pyai_alarm")

    async def clear(self) -> None:
        """Call it off; an action that has begun goes on."""
        task, self._task = self._task, None
        if task:
            await self._processor.cancel_task(task)

    async def _ring(self, seconds: float, action: Callable[[], Awaitable[None]]) -> None:
        await asyncio.sleep(seconds)
        self._task = None
        await action()
