"""A child process that is not what it should be ends the demo with a sentence, and nothing is left running."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from demo.call import CallError
from demo.child import child

READY = "import os, time; print(\"it's\"); print('export PID=%d' % os.getpid(), flush=True); time.sleep(60)"


def python(code: str) -> tuple[str, ...]:
    return sys.executable, "-c", code


async def test_gives_what_the_child_exports_and_stops_it(tmp_path: Path) -> None:
    async with child("It", *python(READY), log=tmp_path / "log", ready=20) as variables:
        os.kill(int(variables["PID"]), 0)
    with pytest.raises(ProcessLookupError):
        os.kill(int(variables["PID"]), 0)


async def test_stops_the_child_when_the_work_is_cancelled(tmp_path: Path) -> None:
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        async with child("It", *python(READY), log=tmp_path / "log", ready=20) as variables:
            started.set_result(int(variables["PID"]))
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    async with asyncio.timeout(20):
        pid = await started
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_child_that_ends_at_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(CallError, match="It ended before it was ready; see"):
        async with child("It", *python("raise SystemExit('no model')"), log=log, ready=20):
            raise AssertionError
    assert "no model" in log.read_text(encoding="utf-8")


async def test_a_child_that_never_gets_ready(tmp_path: Path) -> None:
    with pytest.raises(CallError, match="not ready within"):
        async with child("It", *python("import time; time.sleep(60)"), log=tmp_path / "log", ready=0.2):
            raise AssertionError
