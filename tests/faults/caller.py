"""The caller's side: audio at a steady pace, and what should have become of it."""

from __future__ import annotations

import asyncio

from pyai_voice.testing import FRAME, coded_speech, frames_in, silence

from .hosts.facts import END, FINAL, START, Bot, Facts

__all__ = ["COUNT", "NEXT_UTTERANCE", "REAL_TIME", "SECOND", "UTTERANCE", "check_turns", "talk"]

COUNT = 100
SECOND = 32_000
"""Bytes."""
UTTERANCE = coded_speech(COUNT) + silence(0.6)
"""Two seconds of speech, and the silence that ends it."""
NEXT_UTTERANCE = coded_speech(COUNT, first=COUNT) + silence(0.6)
REAL_TIME = 0.02
QUICK = 0.005


async def talk(bot: Bot, pcm: bytes = UTTERANCE, pace: float = QUICK, size: int = FRAME) -> None:
    """Speak, a frame of 20 ms (``size`` bytes) every ``pace`` seconds."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number, at in enumerate(range(0, len(pcm), size)):
        await bot.hear(pcm[at : at + size])
        await asyncio.sleep(max(0.0, began + (number + 1) * pace - loop.time()))


def check_turns(facts: Facts, count: int = COUNT, turns: int = 1) -> None:
    """Each frame was heard exactly once and in order; each turn began, had its words and ended, once."""
    assert frames_in(*facts.all(FINAL)) == list(range(count)), facts
    assert [kind for kind in facts.kinds() if kind in (START, FINAL, END)] == [START, FINAL, END] * turns, facts
