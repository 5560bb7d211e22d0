"""The local server's judgement, by the words alone and with a second voice; and its listener, deciding by itself."""

from __future__ import annotations

import asyncio
import statistics
from dataclasses import dataclass
from typing import Any

from pyai_voice.audio import resample
from pyai_voice.server.engines import Priority
from pyai_voice.server.engines.end_of_turn import EndOfTurn
from pyai_voice.server.engines.listener import Endpoint, Listener, ListenerOptions
from pyai_voice.server.engines.load import Engines, load_engines

from ..children import obey
from .asked import Stopwatch, answer_all
from .clips import AFTER, RATE, Clip

_BREATH = 0.2
"""How much longer than the words the sound of a breath may last, in seconds; what ended before is an earlier turn."""
_ASKED_AFTER = 0.2
"""Seconds of silence after which the listener reads and judges; the words do not change after that."""


@dataclass
class _Ours:
    engines: Engines
    words: EndOfTurn
    watch: Stopwatch

    async def judge(self, clip: Clip, pcm: bytes, rate: int) -> dict[str, Any]:
        """Return the scores with and without a second voice, and where the listener ended the utterance with each."""
        heard = resample(pcm[: 2 * round(rate * (clip.ended + _ASKED_AFTER))], rate, RATE)
        read = await self.engines.recognizer.recognize(heard, Priority.FINAL)
        sound = await self.watch.time(self.engines.end_of_turn.listen(heard))
        return {
            "text": read.text,
            "sound": sound,
            "words": self.words.likelihood(read.text),
            "both": self.words.likelihood(read.text, sound),
            "words ended": await self._ended(self.words, clip, pcm, rate),
            "both ended": await self._ended(self.engines.end_of_turn, clip, pcm, rate),
        }

    async def _ended(self, judge: EndOfTurn, clip: Clip, pcm: bytes, rate: int) -> float:
        """Return after how much silence the listener ended the utterance; all of it where it did not."""
        options = ListenerOptions(sample_rate=rate, interim_results=False)
        listener = Listener(self.engines.recognizer, self.engines.new_detector(), options, judge)
        await listener.feed(pcm)
        await listener.finish()
        ends = [fact.t_ms / 1000 - clip.ended async for fact in listener if isinstance(fact, Endpoint)]
        await listener.aclose()
        return max(0.0, next((silence for silence in ends if silence > -_BREATH), AFTER))


async def _answer(question: dict[str, Any]) -> dict[str, Any]:
    ours = _Ours(await load_engines(), EndOfTurn(), Stopwatch())
    try:
        found = await answer_all(question, ours.judge)
    finally:
        await ours.engines.aclose()
    return {"found": found, "ms": 1000 * statistics.median(ours.watch.seconds)}


if __name__ == "__main__":
    obey(lambda question: asyncio.run(_answer(question)))
