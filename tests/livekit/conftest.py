"""No test may leave a task behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest


@pytest.fixture(autouse=True)
async def no_task_left() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    left = {task for task in asyncio.all_tasks() - before - {asyncio.current_task()} if task and not task.done()}
    if left:
        await asyncio.wait(left, timeout=2.0)
    assert not {task for task in left if not task.done()}, "tasks were left behind"
