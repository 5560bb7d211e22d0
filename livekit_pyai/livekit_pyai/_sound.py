"""The audio that LiveKit pushes: made pcm16 mono at one rate, and its place on the clocks.

Above: :mod:`.stt`. Below: the core's resampler (soxr), which costs a third of LiveKit's own at the same delay.
"""

from __future__ import annotations

import time

import numpy as np
from livekit import rtc

from pyai_voice.audio import AudioFormat, Resampler

__all__ = ["Clock", "MonoInput"]


class MonoInput:
    """Turns frames of any rate and number of channels into pcm16 mono; both may change from frame to frame."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._source = rate
        self._resampler: Resampler | None = None

    def feed(self, frame: rtc.AudioFrame) -> bytes:
        """Return the pcm that is ready; resampling holds back some 20 ms until more comes or :meth:`flush`."""
        tail = b"" if frame.sample_rate == self._source else self._change(frame.sample_rate)
        pcm = frame.data.tobytes() if frame.num_channels == 1 else _mixed(frame)
        return tail + (pcm if self._resampler is None else self._resampler.feed(pcm))

    def flush(self) -> bytes:
        """Return what was held back."""
        return b"" if self._resampler is None else self._change(self._source)

    def _change(self, source: int) -> bytes:
        tail = b"" if self._resampler is None else self._resampler.feed(b"", last=True)
        self._source = source
        self._resampler = None if source == self._rate else Resampler(source, self._rate, quality="MQ")
        return tail


class Clock:
    """Places the stream's seconds on the wall clock and on the session's clock, also when audio paused in between."""

    def __init__(self, rate: int) -> None:
        self.offset = 0.0
        """Where on the session's clock the stream began, in seconds."""
        self.began = 0.0
        """Unix time of the first sample; 0.0 before it."""
        self._format = AudioFormat(rate)
        self._size = 0
        self._at = 0.0

    @property
    def position(self) -> float:
        """Seconds of audio that have come."""
        return self._format.seconds(self._size)

    @property
    def ahead(self) -> float:
        """Seconds of audio that have come before their time: a recording is pushed faster than it plays."""
        return max(0.0, self.position - (time.time() - self.began))

    def advance(self, size: int) -> None:
        """Note that so many bytes have just come."""
        self._size += size
        self._at = time.time()
        if not self.began:
            self.began = self._at - self.position

    def wall(self, position: float) -> float:
        """Return the Unix time at which a sample was pushed; never in the future."""
        return self._at - max(0.0, self.position - position)

    def session(self, position: float) -> float:
        """Return seconds on the session's clock: pauses count, audio faster than real time keeps its own time."""
        return self.offset + position + max(0.0, self._at - self.position - self.began)


def _mixed(frame: rtc.AudioFrame) -> bytes:
    samples = np.frombuffer(frame.data, np.int16).reshape(-1, frame.num_channels)
    return samples.mean(axis=1).astype(np.int16).tobytes()
