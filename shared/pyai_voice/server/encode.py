"""Speak's eight formats. PCM, WAV and G.711 flow as they are made; the others are whole files from PyAV.

Source: protocol of PyAI, "Speak". Audio inside is pcm16 mono; :class:`Stream` gives what has become ready.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import cast

import av
import numpy as np
from av.audio.stream import AudioStream

from .. import g711
from ..audio import Resampler
from ..errors import service_error

__all__ = ["FORMATS", "Format", "Stream", "encode_file"]

NATIVE_RATE = 24000


@dataclass(frozen=True, slots=True)
class Format:
    """One value of ``response_format``."""

    name: str
    content_type: str
    codec: str = ""
    """PyAV's encoder; "" for what is streamed."""
    container: str = ""
    rates: tuple[int, ...] = ()
    """Sample rates that the codec has, rising; () for any."""

    def rate_for(self, asked: int | None) -> int:
        """Return the sample rate to use: the one asked for, or the codec's next higher one.

        Raises RequestError for a rate outside 8000 to 48000, or another than 8000 with G.711.
        """
        if asked is not None and not 8000 <= asked <= 48000:
            raise service_error(f"sample_rate: expected 8000 to 48000, got {asked}", code="unsupported_parameter")
        if self.name.startswith("g711"):
            if asked not in (None, g711.RATE):
                raise service_error("sample_rate: G.711 is always 8000", code="unsupported_parameter")
            return g711.RATE
        wanted = asked or NATIVE_RATE
        return next((rate for rate in self.rates if rate >= wanted), wanted)


_MPEG_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_OPUS_RATES = (8000, 12000, 16000, 24000, 48000)

FORMATS = {
    each.name: each
    for each in (
        Format("pcm", "audio/pcm"),
        Format("wav", "audio/wav"),
        Format("g711_ulaw", "audio/basic"),
        Format("g711_alaw", "audio/basic"),
        Format("mp3", "audio/mpeg", "libmp3lame", "mp3", _MPEG_RATES),
        Format("opus", "audio/ogg", "libopus", "ogg", _OPUS_RATES),
        Format("aac", "audio/aac", "aac", "adts", _MPEG_RATES),
        Format("flac", "audio/flac", "flac", "flac"),
    )
}


class Stream:
    """Turns PCM of one rate into a streamed format, piece by piece."""

    def __init__(self, target: Format, source_rate: int, rate: int) -> None:
        self._resampler = Resampler(source_rate, rate)
        self._pack = _PACKERS.get(target.name, bytes)
        self.head = _wav_head(rate) if target.name == "wav" else b""
        """What comes before the first sample."""

    def feed(self, pcm: bytes, *, last: bool = False) -> bytes:
        """Return the next bytes; with ``last`` also what was held back."""
        return self._pack(self._resampler.feed(pcm, last=last))


def encode_file(pcm: bytes, target: Format, source_rate: int, rate: int) -> bytes:
    """Return a whole file of one of the buffered formats; blocks (about 1 % of the audio's length)."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=target.container) as container:
        stream = cast("AudioStream", container.add_stream(target.codec, rate=rate, layout="mono"))  # pyright: ignore[reportUnknownMemberType] - partly typed in PyAV
        for frame in (*_frames(Resampler(source_rate, rate).feed(pcm, last=True), rate), None):
            container.mux(stream.encode(frame))  # pyright: ignore[reportUnknownMemberType] - partly typed in PyAV
    return buffer.getvalue()


def _frames(pcm: bytes, rate: int) -> list[av.AudioFrame]:
    samples = np.frombuffer(pcm, np.int16)
    if not samples.size:
        return []
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
    return [frame]


def _wav_head(rate: int) -> bytes:
    """Return a WAV header of unknown length, as every streaming encoder writes it."""
    unknown = 0xFFFFFFFF
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", unknown, b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16, b"data", unknown
    )


_PACKERS = {"g711_ulaw": partial(g711.encode, law="ulaw"), "g711_alaw": partial(g711.encode, law="alaw")}
