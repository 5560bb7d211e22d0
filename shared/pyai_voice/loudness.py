"""Where the caller is loud: an energy gate over the noise of the line, in the audio's own time. No I/O, no clock.

It is no voice detector: it tells speech from the line's own silence, which is all that a deadline and a prediction
need, for five microseconds a frame. Where it errs, it takes noise for speech, and the turn stays open a little longer.
"""

from __future__ import annotations

from .audio import AudioFormat, peak

__all__ = ["Loudness"]

_FRAME = 0.02
"""Seconds that are judged at once."""
_BLIP = 0.08
"""Seconds of loud audio that are more than a click."""
_HELD = 0.16
"""Seconds of loud audio that are remembered across quieter frames."""
_QUIET = 300.0
"""Sample value (of 32767) up to which nothing is loud: more than the noise of a quiet line."""
_ABOVE = 3.0
"""How many times the noise floor is loud: 10 dB."""
_LOWEST, _HIGHEST, _RISE = 30.0, 1000.0, 1.014
"""The floor's least value; its greatest, 30 dB below full scale: what lasts and is louder is no line's silence; its
growth with each frame, 6 dB a second, so that a lasting noise becomes the floor, while speech, which has a pause in
nearly every second, does not.
"""


class Loudness:
    """Follows the caller's audio (pcm16 mono). Positions are seconds; the first sample fed is at ``start``."""

    def __init__(self, audio_format: AudioFormat, start: float = 0.0) -> None:
        self.position = start
        """Up to where the audio was judged."""
        self.loud_to = start
        """Where the last sound ended that was more than a click."""
        self._frame = audio_format.size(_FRAME)
        self._start, self._count = start, 0
        self._rest = b""
        self._floor = _LOWEST
        self._loud = 0.0

    @property
    def quiet(self) -> float:
        """How many seconds it has been quiet."""
        return self.position - self.loud_to

    def feed(self, pcm: bytes) -> None:
        """Judge more audio, in pieces of any size."""
        pcm = self._rest + pcm
        whole = len(pcm) // self._frame * self._frame
        for start in range(0, whole, self._frame):
            self._judge(peak(pcm[start : start + self._frame]))
        self._rest = pcm[whole:]

    def _judge(self, level: float) -> None:
        self._count += 1
        self.position = self._start + self._count * _FRAME
        loud = level > max(_QUIET, _ABOVE * self._floor)
        self._floor = min(max(level, _LOWEST), self._floor * _RISE, _HIGHEST)
        self._loud = min(_HELD, self._loud + _FRAME) if loud else max(0.0, self._loud - _FRAME)
        if loud and self._loud >= _BLIP - 1e-9:
            self.loud_to = self.position
