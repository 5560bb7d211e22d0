"""Sound between OpenAI's three formats and a conversation.

Above: :mod:`.openai`. PCM is 24 kHz; G.711, ``audio/pcmu`` and ``audio/pcma``, 8 kHz.
"""

from __future__ import annotations

from ... import g711
from ...audio import Resampler
from ...protocol.realtime.wire import AudioFormat

__all__ = ["SPOKEN_RATE", "Encoder", "decode"]

SPOKEN_RATE = 24000
"""Samples a second of what a conversation says."""
_LAWS: dict[str, g711.Law] = {"audio/pcmu": "ulaw", "audio/pcma": "alaw"}


def decode(audio: bytes, audio_format: AudioFormat) -> bytes:
    """Return what a client sent as pcm16 at the format's rate."""
    law = _LAWS.get(audio_format.name)
    return g711.decode(audio, law) if law else audio


class Encoder:
    """Writes one response's sound, piece by piece."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._law: g711.Law | None = _LAWS.get(audio_format.name)
        self._resampler = Resampler(SPOKEN_RATE, audio_format.rate)

    def feed(self, pcm: bytes, *, last: bool = False) -> bytes:
        """Return what is ready; with ``last`` also what was held back."""
        resampled = self._resampler.feed(pcm, last=last)
        return g711.encode(resampled, self._law) if self._law else resampled
