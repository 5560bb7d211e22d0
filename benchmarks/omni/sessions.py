"""Callers of Omni, a process of its own: many sessions at once, in real time, for so many seconds.

    python -m benchmarks.omni.sessions

Each caller speaks for four seconds and is silent for four. Every tool call is answered; every event is read.
"""

from __future__ import annotations

import asyncio
import gc
import time
from typing import Any

import psutil

from pyai_voice.omni import OmniStream
from pyai_voice.omni_events import Interrupted, OmniEvent, ReplyAudio, ReplyEnded, ReplyStarted
from pyai_voice.omni_options import OmniOptions, Tool
from pyai_voice.options import Endpoint

from ..children import obey

_LOUD = (3000).to_bytes(2, "little") * 320
_QUIET = bytes(640)
_TURN = 200
"""Chunks of 20 ms that the caller speaks, and is silent."""


class Caller:
    """One session."""

    def __init__(self, base_url: str, number: int) -> None:
        endpoint = Endpoint(api_key="pyai_test_benchmark", base_url=base_url)
        options = OmniOptions(persona="You answer.", tools=(Tool(name="look"),), output_rate=24000)
        self._stream = OmniStream(endpoint, options, handlers={"look": _look})
        self._offset = 13 * number
        self.open = ""
        self.counts = dict.fromkeys(("replies", "ended", "interrupted", "seconds", "ghosts"), 0.0)

    async def call(self, until: float) -> None:
        """Call until this moment, then hang up."""
        reader = asyncio.create_task(self._read())
        async with self._stream as stream:
            due, chunk = time.monotonic(), self._offset
            while time.monotonic() < until:
                stream.send_audio(_QUIET if chunk // _TURN % 2 else _LOUD)
                chunk += 1
                due += 0.02
                await asyncio.sleep(max(0.0, due - time.monotonic()))
        await reader

    async def _read(self) -> None:
        async for event in self._stream:
            self._note(event)

    def _note(self, event: OmniEvent) -> None:
        counts = self.counts
        match event:
            case ReplyStarted():
                counts["replies"] += 1
                self.open = event.reply
            case ReplyAudio():
                counts["seconds"] += len(event.pcm) / 2 / event.rate
                counts["ghosts"] += event.reply != self.open
            case ReplyEnded():
                counts["ended"] += 1
                self.open = ""
            case Interrupted():
                counts["interrupted"] += 1
            case _:
                pass


async def _look(_: dict[str, Any]) -> dict[str, str]:
    return {"seen": "nothing"}


async def _all(base_url: str, sessions: int, seconds: float) -> dict[str, Any]:
    before = len(asyncio.all_tasks())
    callers = [Caller(base_url, number) for number in range(sessions)]
    until = time.monotonic() + seconds
    memory = asyncio.create_task(_memory(until, max(1.0, seconds / 60)))
    worked = time.process_time()
    await asyncio.gather(*(caller.call(until) for caller in callers))
    worked = time.process_time() - worked
    counts = {name: sum(caller.counts[name] for caller in callers) for name in callers[0].counts}
    left = len(asyncio.all_tasks()) - before - (not memory.done())
    return {**counts, "memory": await memory, "tasks": left, "cpu": worked / seconds / sessions}


async def _memory(until: float, every: float) -> list[float]:
    """Return how many MB the process has, now and then."""
    found = list[float]()
    while time.monotonic() < until - every / 2:
        await asyncio.sleep(every)
        gc.collect()
        found.append(psutil.Process().memory_info().rss / 1e6)
    return found


if __name__ == "__main__":
    obey(lambda question: asyncio.run(_all(**question)))
