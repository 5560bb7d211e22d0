"""What a detector is asked, in a process of its own: which clips, on which line, at which moments of the silence."""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from ..engines import on_line
from .clips import Clip

__all__ = ["LINES", "MOMENTS", "Stopwatch", "answer_all"]

LINES = {"16k": "wide-band", "8k": "telephone"}
MOMENTS = (0.2, 0.3, 0.4, 0.6, 0.8, 1.0)
"""Seconds of silence after which a detector is asked."""


@dataclass
class Stopwatch:
    """Notes how long each judgement takes."""

    seconds: list[float] = field(default_factory=list)

    async def time(self, judgement: Awaitable[float]) -> float:
        """Return the judgement."""
        began = time.perf_counter()
        likelihood = await judgement
        self.seconds.append(time.perf_counter() - began)
        return likelihood


async def answer_all(question: dict[str, Any], one: Callable[[Clip, bytes, int], Awaitable[Any]]) -> dict[str, Any]:
    """Return what ``one(clip, pcm, rate)`` says of each clip, by its name."""
    found = dict[str, Any]()
    for number, fields in enumerate(question["clips"]):
        clip = Clip(**fields)
        pcm, rate = on_line(clip.pcm(), question["line"])
        found[clip.name] = await one(clip, pcm, rate)
        print(f"\r{number + 1} of {len(question['clips'])}", end="", file=sys.stderr)
    return found
