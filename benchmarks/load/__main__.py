"""Measures one implementation: ``python -m benchmarks.load MODULE``, a module of this package, with questions on stdin.

A question is ``{"base_url", "streams", "seconds", "pause"}``. The answer: the process's own CPU time (user and system,
all threads) and resident memory, how much of real time the audio kept, and the times that the callers noted.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import statistics
import sys
import time
from typing import Any

import psutil

from ..children import obey
from .caller import Caller, Line, Open

_SETTLE = 1.5
"""Seconds from the opening of the streams to the measurement."""


async def _measure(open_line: Open, base_url: str, streams: int, seconds: float, pause: float) -> dict[str, Any]:
    callers = [Caller(number, pause) for number in range(streams)]
    lines = [await open_line(base_url, caller.heard) for caller in callers]
    calls = [asyncio.create_task(caller.call(line)) for caller, line in zip(callers, lines, strict=True)]
    await asyncio.sleep(_SETTLE)
    for caller in callers:
        caller.forget()
    began, cpu = time.monotonic(), time.process_time()
    await asyncio.sleep(seconds)
    wall, cpu = time.monotonic() - began, time.process_time() - cpu
    memory = psutil.Process().memory_info().rss
    paces = [caller.pace for caller in callers if caller.pace is not None]
    for call in calls:
        call.cancel()
    ends = await asyncio.gather(*calls, return_exceptions=True)
    await _close(lines)
    return {
        "cpu": cpu,
        "wall": wall,
        "memory": memory,
        "pace": statistics.mean(paces) if paces else None,
        "latencies": [value for caller in callers for value in caller.latencies],
        "first_partials": [value for caller in callers for value in caller.first_partials],
        "failures": [repr(end) for end in ends if not isinstance(end, asyncio.CancelledError)],
    }


async def _close(lines: list[Line]) -> None:
    await asyncio.gather(*(line.close() for line in lines))
    gc.collect()


def main() -> None:
    """Warm up with one stream, then answer questions."""
    module = importlib.import_module(f".{sys.argv[1]}", __package__)
    with asyncio.Runner() as runner:
        obey(lambda question: runner.run(_measure(module.open_line, **question)), ready=sys.argv[1])


if __name__ == "__main__":
    main()
