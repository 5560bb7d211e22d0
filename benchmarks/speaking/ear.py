"""Who listens: plays what comes at the speed of sound, and notes when each sentence sounded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np

from ..speak_server import LEVEL, RATE

__all__ = ["Ear", "Speak"]


class Ear:
    """A loudspeaker without a speaker: audio sounds when it comes, or when what came before has sounded."""

    def __init__(self, sentences: int, seconds: float) -> None:
        self.done = asyncio.Event()
        """All samples of all sentences are here."""
        self.free_at = 0.0
        """When what came so far will have sounded."""
        self._missing = sentences * round(seconds * RATE)
        self._sounded: dict[int, tuple[float, float]] = {}
        self._seconds = seconds

    def play(self, pcm: bytes) -> None:
        """Take the next audio."""
        start = max(self.free_at, time.monotonic())
        self.free_at = start + len(pcm) / 2 / RATE
        numbers = np.rint(np.frombuffer(pcm, "<i2") / LEVEL).astype(int)
        for number in {*numbers.tolist()} - {0}:
            places = np.flatnonzero(numbers == number)
            first, last = start + places[0] / RATE, start + (places[-1] + 1) / RATE
            self._sounded[number] = (self._sounded.get(number, (first, 0.0))[0], last)
        self._missing -= np.count_nonzero(numbers)
        if self._missing <= 0:
            self.done.set()

    def report(self, began: float) -> dict[str, Any]:
        """Return the wait for the first sound, the holes between sentences and those inside them, in seconds."""
        sounded = [self._sounded[number] for number in sorted(self._sounded)]
        return {
            "first": sounded[0][0] - began,
            "holes": [after[0] - before[1] for before, after in zip(sounded, sounded[1:], strict=False)],
            "inside": sum(end - start - self._seconds for start, end in sounded),
        }


Speak = Callable[[str, tuple[str, ...], Ear], Awaitable[float]]
"""Speaks sentences with the server at a base URL until the ear has all; returns when it began (monotonic)."""
