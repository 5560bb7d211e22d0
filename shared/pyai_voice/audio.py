"""PCM: 16-bit little-endian mono ``bytes`` plus an :class:`AudioFormat`; nothing here does network I/O.

soxr and numpy are loaded at first use: importing the package must stay quick.
"""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import AudioError

if TYPE_CHECKING:
    import soxr

__all__ = ["AudioFormat", "Resampler", "SampleAligner", "loud_seconds", "peak", "read_wav", "resample", "wav_bytes"]

SAMPLE_WIDTH = 2
"""Bytes a sample."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """How to read PCM bytes: 16-bit little-endian mono at this rate."""

    rate: int
    """Samples a second."""

    def seconds(self, size: int) -> float:
        """Return how long ``size`` bytes last."""
        return size / (self.rate * SAMPLE_WIDTH)

    def size(self, seconds: float) -> int:
        """Return how many bytes last so long (whole samples)."""
        return round(seconds * self.rate) * SAMPLE_WIDTH


class SampleAligner:
    """Carries half a sample from one chunk to the next, so that only whole samples pass."""

    def __init__(self) -> None:
        self._half = b""

    def feed(self, chunk: bytes) -> bytes:
        """Return the whole samples of what has come so far."""
        if not self._half and len(chunk) % SAMPLE_WIDTH == 0:
            return chunk
        chunk = self._half + chunk
        cut = len(chunk) - len(chunk) % SAMPLE_WIDTH
        self._half = chunk[cut:]
        return chunk[:cut]

    @property
    def pending(self) -> int:
        """Bytes held back: 0 or 1."""
        return len(self._half)


class Resampler:
    """Changes the sample rate of a stream; the total length is exact (soxr, high quality).

    ``quality`` is soxr's: HQ holds back 20 to 100 ms, QQ (for a higher target rate only) nothing.
    """

    def __init__(self, source: int, target: int, *, quality: str = "HQ") -> None:
        self._stream: soxr.ResampleStream | None = None
        if source != target:
            import soxr

            self._stream = soxr.ResampleStream(source, target, 1, dtype="float32", quality=quality)

    def feed(self, pcm: bytes, *, last: bool = False) -> bytes:
        """Return the next part in the target rate; with ``last`` also what was held back."""
        if self._stream is None:
            return pcm
        import numpy as np

        # in floats: soxr's 16-bit output is dithered, and would differ with the chunking
        samples = self._stream.resample_chunk(np.frombuffer(pcm, np.int16).astype(np.float32), last=last)
        return np.clip(np.rint(samples), -32768, 32767).astype(np.int16).tobytes()


def resample(pcm: bytes, source: int, target: int) -> bytes:
    """Return a whole recording in another rate."""
    return Resampler(source, target).feed(pcm, last=True)


def peak(pcm: bytes) -> int:
    """Return about the largest sample value, 0 to 32767, looking at every eighth: a microsecond for 20 ms."""
    return max(memoryview(pcm).cast("h")[::8], default=0)


def loud_seconds(pcm: bytes, audio_format: AudioFormat, threshold: float = 500.0) -> float:
    """Return how many seconds are loud enough for speech: 20 ms frames above a root mean square (0 to 32768)."""
    import numpy as np

    frame = audio_format.rate // 50
    samples = np.frombuffer(pcm, np.int16)[: len(pcm) // SAMPLE_WIDTH // frame * frame].astype(np.float32)
    power = np.square(samples.reshape(-1, frame)).mean(axis=1)
    return float(np.count_nonzero(power > threshold * threshold)) / 50


def read_wav(source: str | PathLike[str] | bytes) -> tuple[bytes, AudioFormat]:
    """Read a 16-bit mono WAV file (a path or its bytes).

    Raises AudioError, naming the file and the remedy, for anything else, also for an empty or cut file.
    """
    name = "the audio" if isinstance(source, bytes) else str(source)
    try:
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        reason = getattr(error, "strerror", None) or error
        raise AudioError(f"Cannot read {name!r}: {reason}", code="invalid_audio", hint="Check the path") from None
    try:
        with wave.open(io.BytesIO(data)) as file:
            width, channels, rate, frames = (
                file.getsampwidth(),
                file.getnchannels(),
                file.getframerate(),
                file.getnframes(),
            )
            pcm = file.readframes(frames)
    except (wave.Error, EOFError, RuntimeError) as error:  # RuntimeError: a chunk that is longer than the file
        raise AudioError(
            f"{name} is not a PCM WAV file: {str(error) or 'damaged'}", code="invalid_audio", hint=_REMEDY
        ) from None
    if width != SAMPLE_WIDTH or channels != 1:
        raise AudioError(f"{name} has {channels} channels of {8 * width} bits", code="invalid_audio", hint=_REMEDY)
    streamed = frames * SAMPLE_WIDTH >= _UNKNOWN_LENGTH
    pcm = pcm[: len(pcm) // SAMPLE_WIDTH * SAMPLE_WIDTH] if streamed else pcm
    if not pcm or (len(pcm) < frames * SAMPLE_WIDTH and not streamed):
        raise AudioError(f"{name} is empty or cut short", code="invalid_audio", hint="Record or copy it again")
    return pcm, AudioFormat(rate)


_UNKNOWN_LENGTH = 0xFFFF_0000
"""Bytes; a header that says so much was written before the length was known, as that of a streamed WAV is."""
_REMEDY = "Expected 16-bit mono PCM; convert with: ffmpeg -i INPUT -ac 1 -c:a pcm_s16le OUTPUT.wav"


def wav_bytes(pcm: bytes, audio_format: AudioFormat) -> bytes:
    """Return PCM with a WAV header."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(SAMPLE_WIDTH)
        file.setframerate(audio_format.rate)
        file.writeframes(pcm)
    return buffer.getvalue()
