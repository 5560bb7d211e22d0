"""Engines whose answers follow from their input by a simple rule, so that a test can foretell them."""

from __future__ import annotations

import asyncio
import math
import struct
from collections.abc import AsyncIterator

from pyai_voice.server.engines import Priority, Recognition, Voice
from pyai_voice.server.engines.load import Engines
from pyai_voice.server.engines.vocabulary import Vocabulary
from pyai_voice.server.engines.workers import Workers

RATE = 16000
WORD = 0.2
"""Seconds of sound that make one word."""


class CountingRecognizer:
    """Hears one word for each 0.2 s of sound: ``w1 w2 w3.``"""

    name = "counting"
    rate = RATE
    languages = frozenset({"en"})
    longest = 20.0

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.heard = 0

    async def recognize(self, pcm: bytes, priority: Priority, vocabulary: Vocabulary | None = None) -> Recognition:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        self.heard += 1
        samples = struct.unpack(f"<{len(pcm) // 2}h", pcm)
        words = math.ceil(sum(abs(sample) > 100 for sample in samples) / RATE / WORD - 0.05)
        text = " ".join(f"w{number + 1}" for number in range(words))
        text = f"{text}." if text else ""
        return Recognition(vocabulary.correct(text) if vocabulary else text, -0.1)


class LoudnessDetector:
    """Takes everything that is not silence for speech."""

    rate = RATE
    frame = 512

    def probability(self, pcm: bytes) -> float:
        return 1.0 if max(map(abs, struct.unpack(f"<{len(pcm) // 2}h", pcm))) > 100 else 0.0


class ToneSynthesizer:
    """Says 0.1 s of a tone for each letter; waits before each word but the first while ``gate`` is closed."""

    name = "tone"
    rate = 24000
    voices = (
        Voice("stock_tone", "Tone", "F", "en-US", "A tone.", ("alloy", "nova", "marin")),
        Voice("stock_low", "Low", "M", "en-GB", "A low tone."),
    )
    speeds = (0.5, 2.0)

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.ended = asyncio.Event()
        self.error: Exception | None = None

    def find(self, voice_id: str) -> Voice | None:
        return next((each for each in self.voices if voice_id in ("", each.voice_id, *each.aliases)), None)

    async def stream(self, text: str, voice_id: str = "", speed: float = 1.0) -> AsyncIterator[bytes]:
        try:
            for number, word in enumerate(filter(str.isalpha, text.split())):
                if number:
                    await self.gate.wait()
                if self.error is not None:
                    raise self.error
                yield tone(0.1 * len(word) / speed, self.rate)
        finally:
            self.ended.set()


def tone(seconds: float, rate: int = RATE, frequency: float = 300.0) -> bytes:
    """Return a sine as pcm16."""
    step = 2 * math.pi * frequency / rate
    return struct.pack(
        f"<{round(seconds * rate)}h", *(round(8000 * math.sin(step * n)) for n in range(round(seconds * rate)))
    )


def silence(seconds: float, rate: int = RATE) -> bytes:
    return bytes(2 * round(seconds * rate))


def fake_engines() -> Engines:
    return Engines(CountingRecognizer(), ToneSynthesizer(), LoudnessDetector, str.lower, Workers(1))
