"""Hears at once that the caller begins to speak, long before there are words. No clock: positions are of the audio.

Above: the ears. Below: a voice detector. A knock is no voice, and a click is too short: the likelihoods of the latest
frames must add up to some hundredths of a second. Source of the bounds: an agent should fall silent within 0.2 s.
"""

from __future__ import annotations

from collections import deque

from ...audio import SAMPLE_WIDTH, SampleAligner, peak
from ..engines import VoiceDetector
from ..engines.stream_rate import StreamRate

__all__ = ["Sensitivity", "VoiceWatch", "sensitivity"]

_OFF = 0.35
"""Likelihood from which a frame is speech while somebody speaks; Silero's own advice."""
_NONE = 0.2
"""Likelihood up to which a frame says nothing: a steady hum or hiss has no more."""
_SPREAD = 1.75
"""The evidence must come within so many times its own length."""
_OVER = 0.25
"""Seconds without speech after which somebody does not speak."""


class Sensitivity:
    """How easily the agent is interrupted."""

    def __init__(self, seconds: float = 0.075, level: int = 0) -> None:
        self.seconds = seconds
        """Of speech, each frame counted by its likelihood."""
        self.level = level
        """Least sample value of speech."""


_SENSITIVITIES = {"high": 0.05, "normal": 0.075, "low": 0.25}


def sensitivity(said: object) -> Sensitivity:
    """Read ``barge_sensitivity``: low, normal, high, or decibels of full scale below which nothing counts."""
    if isinstance(said, int | float) and not isinstance(said, bool) and -90 <= said <= 0:
        return Sensitivity(level=round(32768 * 10 ** (said / 20)))
    return Sensitivity(_SENSITIVITIES.get(said, 0.075) if isinstance(said, str) else 0.075)


class VoiceWatch:
    """Watches one caller; feed it pcm16 mono at ``rate``."""

    def __init__(self, detector: VoiceDetector, rate: int) -> None:
        self.sensitivity = Sensitivity()
        self.speaking = False
        """Whether somebody speaks."""
        self.position = 0.0
        """Seconds of audio that were watched."""
        self.began = 0.0
        """Where the latest speech began."""
        self.voiced_to = 0.0
        """Where the latest frame of speech ended."""
        self._detector = detector
        self._frame = detector.frame / detector.rate
        self._rate = StreamRate(rate, detector.rate)
        self._aligner = SampleAligner()
        self._rest = bytearray()
        self._latest: deque[float] = deque(maxlen=32)
        self._frames = 0

    @property
    def quiet(self) -> float:
        """Seconds since somebody spoke."""
        return self.position - self.voiced_to

    def feed(self, pcm: bytes) -> bool:
        """Take more audio; tell whether speech began in it."""
        self._rest += self._rate.feed(self._aligner.feed(pcm))
        size, began = self._detector.frame * SAMPLE_WIDTH, False
        while len(self._rest) >= size:
            frame = bytes(self._rest[:size])
            del self._rest[:size]
            began = self._judge(frame) or began
        return began

    def _judge(self, frame: bytes) -> bool:
        likely = self._detector.probability(frame)
        self._frames += 1
        self.position = self._frames * self._frame
        loud = peak(frame) >= self.sensitivity.level
        self._latest.append(likely if loud and likely > _NONE else 0.0)
        if loud and likely >= _OFF:
            self.voiced_to = self.position
        if self.speaking:
            self.speaking = self.quiet < _OVER
            return False
        return self._begins()

    def _begins(self) -> bool:
        """Tell whether the latest frames are speech."""
        window = max(2, round(_SPREAD * self.sensitivity.seconds / self._frame))
        latest = list(self._latest)[-window:]
        self.speaking = sum(latest) * self._frame >= self.sensitivity.seconds
        if self.speaking:
            self.began = self.position - sum(each > 0 for each in latest) * self._frame
            self._latest.clear()
        return self.speaking
