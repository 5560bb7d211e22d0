from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest

from pyai_voice.server.engines import Priority
from pyai_voice.server.engines.workers import EngineBusyError, Job, Workers


@pytest.fixture
async def workers() -> AsyncIterator[Workers]:
    pool = Workers(threads=1, longest_queue=3)
    async with asyncio.timeout(10):
        yield pool
        await pool.aclose()


class Gate:
    """Work that holds a thread until it is let go."""

    def __init__(self) -> None:
        self.running = threading.Event()
        self.go = threading.Event()

    def work(self, _: Job) -> str:
        self.running.set()
        assert self.go.wait(10)
        return "gate"


@contextmanager
def held(workers: Workers) -> Iterator[Gate]:
    gate = Gate()
    task = asyncio.ensure_future(workers.run(Priority.PARTIAL, gate.work))
    try:
        yield gate
    finally:
        gate.go.set()
        task.cancel()


async def started(gate: Gate) -> None:
    assert await asyncio.to_thread(gate.running.wait, 10)


async def test_result_and_error_reach_the_caller_and_the_loop_stays_free(workers: Workers) -> None:
    loop_thread = threading.get_ident()
    assert await workers.run(Priority.FINAL, lambda _: threading.get_ident()) != loop_thread
    with pytest.raises(ZeroDivisionError):
        await workers.run(Priority.FINAL, lambda _: 1 / 0)
    assert await workers.run(Priority.FINAL, lambda _: "still alive") == "still alive"


async def test_most_urgent_first_then_in_order_of_arrival(workers: Workers) -> None:
    done: list[str] = []
    with held(workers) as gate:
        await started(gate)
        waiting = [
            asyncio.ensure_future(workers.run(priority, lambda _, name=name: done.append(name)))
            for priority, name in (
                (Priority.PARTIAL, "partial"),
                (Priority.SPEECH, "speech"),
                (Priority.FINAL, "final"),
            )
        ]
        await asyncio.sleep(0)
        gate.go.set()
        await asyncio.gather(*waiting)
    assert done == ["final", "speech", "partial"]


async def test_a_full_queue_refuses_and_cancelled_work_makes_room(workers: Workers) -> None:
    with held(workers) as gate:
        await started(gate)
        waiting = [asyncio.ensure_future(workers.run(Priority.PARTIAL, lambda _: "late")) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(EngineBusyError) as caught:
            await workers.run(Priority.FINAL, lambda _: "no room")
        assert caught.value.retryable
        waiting[0].cancel()
        await asyncio.gather(waiting[0], return_exceptions=True)
        more = asyncio.ensure_future(workers.run(Priority.FINAL, lambda _: "room"))
        await asyncio.sleep(0)
        gate.go.set()
        assert await more == "room"
        assert await asyncio.gather(*waiting[1:]) == ["late", "late"]


async def test_cancelling_tells_running_work_to_stop(workers: Workers) -> None:
    running, stopped = threading.Event(), threading.Event()

    def work(job: Job) -> None:
        running.set()
        while not job.cancelled:
            stopped.wait(0.001)
        stopped.set()

    task = asyncio.ensure_future(workers.run(Priority.PARTIAL, work))
    assert await asyncio.to_thread(running.wait, 10)
    task.cancel()
    assert await asyncio.to_thread(stopped.wait, 10)
    assert task.cancelled()


async def test_closing_cancels_what_waits_and_ends_the_threads() -> None:
    before = threading.active_count()
    workers = Workers(threads=2)
    with held(workers) as gate:
        await started(gate)
        with held(workers) as other:
            await started(other)
            waiting = asyncio.ensure_future(workers.run(Priority.FINAL, lambda _: "never"))
            await asyncio.sleep(0)
            closing = asyncio.ensure_future(workers.aclose())
            await asyncio.wait([waiting])
            assert waiting.cancelled()
    async with asyncio.timeout(10):
        await closing
        await workers.aclose()
    with pytest.raises(EngineBusyError):
        await workers.run(Priority.FINAL, lambda _: "closed")
    names = {thread.name for thread in threading.enumerate()}
    assert not names & {"engine-0", "engine-1"} or threading.active_count() <= before + 1


async def test_recordings_leave_a_worker_free_for_those_who_wait() -> None:
    pool = Workers(threads=2)
    gates = [Gate() for _ in range(3)]
    recordings = [asyncio.ensure_future(pool.run(Priority.RECORDING, gate.work)) for gate in gates]
    async with asyncio.timeout(10):
        await started(gates[0])
        assert await pool.run(Priority.PARTIAL, lambda _: "not held up") == "not held up"
        assert not gates[1].running.is_set()
        recordings[1].cancel()
        await asyncio.wait([recordings[1]])  # it is out of the queue before there is room for it
        gates[0].go.set()
        await started(gates[2])
        gates[2].go.set()
        assert await recordings[0] == await recordings[2] == "gate"
        await pool.aclose()
    assert not gates[1].running.is_set()
