"""Threads for the engines' work, so that the event loop never waits: most urgent first, bounded, cancel-safe."""

from __future__ import annotations

import asyncio
import heapq
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

from ...errors import ServerError
from . import Priority

__all__ = ["EngineBusyError", "Job", "Workers"]

Result = TypeVar("Result")

_PATIENCE = 5.0
"""Seconds that aclose waits for the threads; a job looks at ``cancelled`` every few milliseconds."""


class EngineBusyError(ServerError):
    """Too much work is waiting; nothing was started."""

    def __init__(self) -> None:
        super().__init__("The local engines have more work waiting than they can do", code="engine_unavailable")


@dataclass(order=True, slots=True)
class Job:
    """One piece of work in the queue, ordered by urgency, then by arrival."""

    priority: Priority
    arrival: int
    work: Callable[[Job], Any] = field(compare=False)
    future: Future[Any] = field(compare=False, default_factory=Future[Any])
    cancelled: bool = field(compare=False, default=False)
    """Set when nobody waits for the result any more: long work looks at it and stops early."""


class Workers:
    """A few threads that take the most urgent job first; a job of lower urgency is never interrupted by force."""

    def __init__(self, threads: int = 2, longest_queue: int = 256) -> None:
        self._longest_queue = longest_queue
        self._queue: list[Job] = []
        self._arrivals = count()
        self._changed = threading.Condition()
        self._closed = False
        self._recordings = 0
        self._most_recordings = max(1, threads - 1)
        self._threads = [threading.Thread(target=self._serve, name=f"engine-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    async def run(self, priority: Priority, work: Callable[[Job], Result]) -> Result:
        """Return ``work(job)``, done in a thread. Cancelling takes it out of the queue, or sets ``job.cancelled``.

        Raises EngineBusyError when the queue is full or the workers are closed, and whatever ``work`` raises.
        """
        job = self._put(priority, work)
        try:
            return await asyncio.wrap_future(job.future)
        finally:
            job.cancelled = True

    def _put(self, priority: Priority, work: Callable[[Job], Any]) -> Job:
        with self._changed:
            if len(self._queue) >= self._longest_queue:
                self._queue = [job for job in self._queue if not job.cancelled]
                heapq.heapify(self._queue)
            if self._closed or len(self._queue) >= self._longest_queue:
                raise EngineBusyError
            job = Job(priority, next(self._arrivals), work)
            heapq.heappush(self._queue, job)
            self._changed.notify()
            return job

    def _take(self) -> Job | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._is_due())
            if self._closed:
                return None
            job = heapq.heappop(self._queue)
            self._recordings += job.priority is Priority.RECORDING
            return job

    def _is_due(self) -> bool:
        """Tell whether a job may start: recordings leave a worker free for those who wait for an answer."""
        first = self._queue[0] if self._queue else None
        return first is not None and (
            first.priority is not Priority.RECORDING or self._recordings < self._most_recordings
        )

    def _serve(self) -> None:
        while job := self._take():
            if job.future.set_running_or_notify_cancel():
                _finish(job)
            if job.priority is Priority.RECORDING:
                self._finished_recording()

    def _finished_recording(self) -> None:
        with self._changed:
            self._recordings -= 1
            self._changed.notify_all()

    async def aclose(self) -> None:
        """Cancel what waits, let what runs stop, and end the threads. Safe to call twice."""
        with self._changed:
            self._closed = True
            waiting, self._queue = self._queue, []
            self._changed.notify_all()
        for job in waiting:
            job.future.cancel()
        await asyncio.to_thread(self._join)

    def _join(self) -> None:
        for thread in self._threads:
            thread.join(_PATIENCE)


def _finish(job: Job) -> None:
    try:
        result = job.work(job)
    except BaseException as error:  # noqa: BLE001 - the outermost line of a thread: it goes to whoever waits
        job.future.set_exception(error)
    else:
        job.future.set_result(result)
