"""LiveKit's default turn detector (v1-mini), in a process that is a LiveKit AgentSession and uses it as its detector.

Its model licence allows use with LiveKit Agents only, and forbids using its results to develop other models: it is
measured here beside ours, and nothing of ours is chosen by what it says.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Iterator
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession, inference

from ..children import obey
from .asked import MOMENTS, Stopwatch, answer_all
from .clips import Clip

_CHUNK, _SETTLE = 0.02, 0.01
"""Seconds of audio in a frame; seconds for the stream's own task to take the audio in."""


def _frames(pcm: bytes, rate: int) -> Iterator[rtc.AudioFrame]:
    size = 2 * round(rate * _CHUNK)
    for at in range(0, len(pcm) - size + 1, size):
        yield rtc.AudioFrame(pcm[at : at + size], rate, 1, size // 2)


async def _answer(question: dict[str, Any]) -> dict[str, Any]:
    detector, watch = inference.TurnDetector(version="v1-mini"), Stopwatch()
    session: AgentSession[None] = AgentSession(turn_handling={"turn_detection": detector})
    await session.start(Agent(instructions=""), record=False)

    async def one(clip: Clip, pcm: bytes, rate: int) -> list[float]:
        stream, heard, scores = detector.stream(), 0, list[float]()
        for moment in MOMENTS:
            until = 2 * round(rate * (clip.ended + moment))
            for frame in _frames(pcm[heard:until], rate):
                stream.push_audio(frame)
                heard += len(frame.data) * 2
            await asyncio.sleep(_SETTLE)
            scores.append(await watch.time(_probability(stream.predict())))
        await stream.aclose()
        return scores

    try:
        scores = await answer_all(question, one)
        threshold = await detector.unlikely_threshold(None)
    finally:
        await session.aclose()
    return {"scores": scores, "threshold": threshold, "ms": 1000 * statistics.median(watch.seconds)}


async def _probability(prediction: asyncio.Future[Any]) -> float:
    return (await prediction).end_of_turn_probability


if __name__ == "__main__":
    obey(lambda question: asyncio.run(_answer(question)))
