"""Smart Turn v3 as Pipecat brings it, asked through Pipecat's own analyser class."""

from __future__ import annotations

import asyncio
import statistics
from typing import Any

from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3

from ..children import obey
from .asked import MOMENTS, Stopwatch, answer_all
from .clips import Clip

_CHUNK = 0.02


async def _judge(analyser: LocalSmartTurnAnalyzerV3, pcm: bytes, rate: int, ended: float) -> float:
    analyser.clear()
    size = 2 * round(rate * _CHUNK)
    for at in range(0, len(pcm), size):
        analyser.append_audio(pcm[at : at + size], is_speech=at / (2 * rate) < ended)
    _, metrics = await analyser.analyze_end_of_turn()
    return metrics.probability


async def _answer(question: dict[str, Any]) -> dict[str, Any]:
    watch = Stopwatch()
    analysers = {rate: LocalSmartTurnAnalyzerV3(sample_rate=rate) for rate in (8000, 16000)}

    async def one(clip: Clip, pcm: bytes, rate: int) -> list[float]:
        analysers[rate].set_sample_rate(rate)
        heard = [pcm[: 2 * round(rate * (clip.ended + moment))] for moment in MOMENTS]
        return [await watch.time(_judge(analysers[rate], part, rate, clip.ended)) for part in heard]

    scores = await answer_all(question, one)
    for analyser in analysers.values():
        await analyser.cleanup()
    return {"scores": scores, "ms": 1000 * statistics.median(watch.seconds)}


if __name__ == "__main__":
    obey(lambda question: asyncio.run(_answer(question)))
