"""The application's log, and no task may be left behind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.plugins.twilio.twilio_house import Lines


@pytest.fixture
def log() -> Iterator[Lines]:
    """The lines of the logger ``twilio_pyai``."""
    lines, logger = Lines(), logging.getLogger("twilio_pyai")
    logger.addHandler(lines)
    level = logger.level
    logger.setLevel(logging.INFO)
    yield lines
    logger.removeHandler(lines)
    logger.setLevel(level)


@pytest.fixture(autouse=True)
async def no_task_left() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    left = {task for task in asyncio.all_tasks() - before - {asyncio.current_task()} if task and not task.done()}
    if left:
        await asyncio.wait(left, timeout=2.0)
    assert not {task for task in left if not task.done()}, "tasks were left behind"
