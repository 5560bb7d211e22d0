"""Changes the sample rate of a stream while it is listened to: holds back 2 ms, where soxr needs up to 100."""

from __future__ import annotations

import av
import numpy as np

from ...audio import SAMPLE_WIDTH

__all__ = ["StreamRate"]

_LONGEST = 4096
"""Samples given to the library at once."""


class StreamRate:
    """Takes pcm16 mono at one rate in whole samples and gives it at another (FFmpeg's resampler).

    The result does not depend on the chunking. Recognition is as good as with soxr's high quality.
    """

    def __init__(self, source: int, target: int) -> None:
        self._source, self._target = source, target
        self._resampler = self._new()

    def _new(self) -> av.AudioResampler | None:
        return None if self._source == self._target else av.AudioResampler("s16", "mono", self._target)

    def feed(self, pcm: bytes) -> bytes:
        """Return the next part at the target rate."""
        if self._resampler is None:
            return pcm
        size = SAMPLE_WIDTH * _LONGEST
        frames = (self._frame(pcm[at : at + size]) for at in range(0, len(pcm), size))
        return b"".join(_bytes(self._resampler.resample(frame)) for frame in frames)

    def flush(self) -> bytes:
        """Return what was held back and begin anew."""
        held = b"" if self._resampler is None else _bytes(self._resampler.resample(None))
        self._resampler = self._new()
        return held

    def _frame(self, pcm: bytes) -> av.AudioFrame:
        frame = av.AudioFrame.from_ndarray(np.frombuffer(pcm, "<i2")[None], format="s16", layout="mono")
        frame.sample_rate = self._source
        return frame


def _bytes(frames: list[av.AudioFrame]) -> bytes:
    return b"".join(frame.to_ndarray().tobytes() for frame in frames)
