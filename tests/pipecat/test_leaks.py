"""Two hundred calls leave nothing behind: no task, no socket, no memory."""

from __future__ import annotations

import asyncio
import gc
import os
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator

import pytest
from loguru import logger
from pipecat.frames.frames import TranscriptionFrame, TTSStoppedFrame

from pipecat_pyai import PyAISTTService
from tests.core.scripted import KEY, answer_commits, scripted
from tests.core.scripted_http import scripted as scripted_http
from tests.core.scripted_http import speaking
from tests.pipecat.pipeline import running
from tests.pipecat.speaking import ONE, Script, speak, turn

CALLS = 200
WARM_UP = 40
"""Calls after which caches are filled."""


@pytest.fixture
def quiet() -> Iterator[None]:
    """Stop collecting logs, which would be what grows."""
    logger.disable("")
    yield
    logger.enable("")


async def growth(call: Callable[[], Awaitable[None]]) -> tuple[int, int, int]:
    """Return how many tasks, open files and bytes of this package's making are more after the calls than before."""
    for _ in range(WARM_UP):
        await call()
    gc.collect()
    tracemalloc.start(1)
    before = len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd")), tracemalloc.take_snapshot()
    for _ in range(CALLS - WARM_UP):
        await call()
    gc.collect()
    ours = [tracemalloc.Filter(True, pattern) for pattern in ("*/pyai_voice/*", "*/pipecat_pyai/*")]
    after = tracemalloc.take_snapshot().filter_traces(ours)
    changes = after.compare_to(before[2].filter_traces(ours), "filename")
    tracemalloc.stop()
    tasks, files = len(asyncio.all_tasks()) - before[0], len(os.listdir("/proc/self/fd")) - before[1]
    return tasks, files, sum(change.size_diff for change in changes)


def nothing(left: tuple[int, int, int]) -> bool:
    """Tell whether nothing to speak of is left: under 100 bytes for each call."""
    tasks, files, size = left
    return tasks <= 0 and files <= 2 and size < 100 * (CALLS - WARM_UP)


async def test_hearing(quiet: None) -> None:
    async with scripted(answer_commits) as server:

        async def call() -> None:
            async with running(PyAISTTService(api_key=KEY, base_url=server.endpoint.base_url)) as pipeline:
                await pipeline.say(0.1)
                await pipeline.until(TranscriptionFrame)
            server.peers.clear()

        left = await growth(call)
    assert nothing(left), left


async def test_speaking(quiet: None) -> None:
    script = Script({"One.": speaking(ONE)})
    async with scripted_http(script) as server:

        async def call() -> None:
            async with running(speak(server)) as pipeline:
                await pipeline.send(*turn("One."))
                await pipeline.until(TTSStoppedFrame)
            script.asked.clear()
            server.requests.clear()

        left = await growth(call)
    assert nothing(left), left
