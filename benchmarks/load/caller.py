"""One caller: 20 ms of audio at a time, in real time; silence, then speech, then a commit, again and again."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from ..hear_server import CHUNK, RATE

__all__ = ["KEY", "Caller", "Heard", "Line", "Open"]

KEY = "pyai_test_benchmark"
_SPEECH = 100
"""Chunks of an utterance: two seconds."""
_MORE = 11
"""Chunks, less than so many, by which a pause may be longer, so that speech begins anywhere in a message."""
_LOUD = (3000).to_bytes(2, "little") * (CHUNK // 2)
_QUIET = (3).to_bytes(2, "little") * (CHUNK // 2)

Heard = Callable[[str], None]
"""Takes the text of each partial transcript, at the moment at which the implementation gives it to its user."""


class Line(Protocol):
    """One open stream of an implementation."""

    async def send(self, pcm: bytes) -> None:
        """Take 20 ms."""
        ...

    async def begin(self) -> None:
        """Somebody begins to speak."""
        ...

    async def commit(self) -> None:
        """Somebody has finished."""
        ...

    async def close(self) -> None:
        """Hang up."""
        ...


Open = Callable[[str, Heard], Awaitable[Line]]
"""Opens a stream to the server at a base URL."""


class Caller:
    """Speaks on a line, with pauses of so many seconds, and notes what comes back, in seconds."""

    def __init__(self, number: int, pause: float) -> None:
        self.latencies: list[float] = []
        """From the server's send of a partial to its arrival here."""
        self.first_partials: list[float] = []
        """From the first frame of speech handed over to the first partial."""
        self.stamps: list[tuple[int, int]] = []
        """When the server had how much audio: nanoseconds, bytes."""
        self._random = random.Random(number)
        self._pauses = range(round(50 * pause), round(50 * pause) + _MORE)
        self._quiet_first = number % 2 == 0
        self._began: int | None = None

    def heard(self, text: str) -> None:
        """Note a partial."""
        now = time.monotonic_ns()
        word, stamp, received = text.split()
        self.latencies.append((now - int(stamp)) / 1e9)
        self.stamps.append((int(stamp), int(received)))
        if word == "onset" and self._began is not None:
            self.first_partials.append((now - self._began) / 1e9)
            self._began = None

    def forget(self) -> None:
        """Begin to measure."""
        self.latencies.clear()
        self.first_partials.clear()
        self.stamps.clear()
        self._began = None

    @property
    def pace(self) -> float | None:
        """How many seconds of audio the server got in a second; None where it cannot be told."""
        if len(self.stamps) < 2:
            return None
        (began, first), (ended, last) = self.stamps[0], self.stamps[-1]
        return (last - first) / (2 * RATE) / max((ended - began) / 1e9, 1e-9)

    async def call(self, line: Line) -> None:
        """Speak until cancelled; every caller begins somewhere else."""
        due = asyncio.get_running_loop().time() + self._random.random() * 0.02
        if self._quiet_first:
            due = await _play(line, [_QUIET] * self._random.randrange(self._pauses.stop), due)
        speech = self._random.randint(1, _SPEECH)
        while True:
            await line.begin()
            self._began = time.monotonic_ns()
            due = await _play(line, [_LOUD] * speech, due)
            await line.commit()
            due = await _play(line, [_QUIET] * self._random.choice(self._pauses), due)
            speech = _SPEECH


async def _play(line: Line, chunks: list[bytes], due: float) -> float:
    loop = asyncio.get_running_loop()
    for chunk in chunks:
        await line.send(chunk)
        due += 0.02
        await asyncio.sleep(max(0.0, due - loop.time()))
    return due
