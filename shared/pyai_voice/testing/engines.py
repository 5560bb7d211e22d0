"""Test engines for the local server: what they hear and say is an exact function of the audio and the text.

They understand :mod:`.coded` audio only. For real speech give :class:`~.server.FaultyServer` the real engines.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from ..server.engines import Priority, Recognition, Voice
from ..server.engines.load import Engines
from ..server.engines.vocabulary import Vocabulary
from ..server.engines.workers import Workers
from .coded import FRAME, RATE, SPEECH_RATE, read_frames, spoken

__all__ = ["CodedRecognizer", "CodedSynthesizer", "SoundDetector", "coded_engines"]

_LIKE_HEART = ("nova", "coral", "marin", "sage", "shimmer", "stock_emma_en_gb")
_LIKE_OAK = ("alloy", "ash", "ballad", "cedar", "echo", "fable", "onyx", "verse")
"""Names that the voices answer to: all of OpenAI's, as with the real engine."""
_PIECE = 9600
"""Bytes that the synthesiser makes at once: 0.2 s."""


class CodedRecognizer:
    """Hears the numbers of coded frames."""

    name = "coded"
    rate = RATE
    languages = frozenset({"en"})
    longest = 60.0

    async def recognize(self, pcm: bytes, priority: Priority, vocabulary: Vocabulary | None = None) -> Recognition:
        """Return the numbers; ``?`` where the audio is damaged or not coded."""
        await asyncio.sleep(0)
        return Recognition(read_frames(pcm), 0.0)


class SoundDetector:
    """Takes everything but digital silence for speech."""

    rate = RATE
    frame = FRAME // 2

    def probability(self, pcm: bytes) -> float:
        """Return 1.0 for any sound."""
        return float(any(pcm))


class CodedSynthesizer:
    """Says a text as :func:`~.coded.spoken` does."""

    name = "coded"
    rate = SPEECH_RATE
    voices = (
        Voice("stock_ramp", "Ramp", "F", "en-US", "A test signal, not a voice.", _LIKE_HEART),
        Voice("stock_slope", "Slope", "M", "en-US", "The same test signal.", _LIKE_OAK),
    )
    speeds = (1.0, 1.0)

    def find(self, voice_id: str) -> Voice | None:
        """Return the voice with this id or alias; the default for an empty id; None for an unknown one."""
        return next((each for each in self.voices if voice_id in ("", each.voice_id, *each.aliases)), None)

    async def stream(self, text: str, voice_id: str = "", speed: float = 1.0) -> AsyncIterator[bytes]:
        """Yield the samples in pieces of 0.2 s, as fast as they are taken."""
        pcm = spoken(text)
        for start in range(0, len(pcm), _PIECE):
            await asyncio.sleep(0)
            yield pcm[start : start + _PIECE]


def coded_engines() -> Engines:
    """Return engines that need no models; close them with ``aclose``."""
    return Engines(CodedRecognizer(), CodedSynthesizer(), SoundDetector, str.lower, Workers(1))
