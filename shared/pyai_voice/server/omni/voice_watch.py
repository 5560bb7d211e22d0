"""Hears at once that the caller begins to speak, long before there are words. No clock: positions are of the audio.

Above: the ears. Below: a voice detector. A knock is no voice, and a cough is too short: so many of the latest frames
must be speech. Source of the bounds: an agent should fall silent within 0.2 s.
"""

from __future__ import annotations

from collections import deque

from ...audio import SAMPLE_WIDTH, SampleAligner, peak
from ..engines import VoiceDetector
from ..engines.stream_rate import StreamRate

__all__ = ["Sensitivity", "VoiceWatch", "sensitivity"]

_ON, _OFF = 0.5, 0.35
"""Likelihoods from which a frame is speech: before, and while somebody speaks; Silero's own advice."""
_OVER = 0.25
"""Seconds without speech after which somebody does not speak."""


class Sensitivity:
    """How easily the agent is interrupted."""

    def __init__(self, seconds: float = 0.12, level: int = 0) -> None:
        self.seconds = seconds
        """Of speech among the latest ones."""
        self.level = level
        """Least sample value of speech."""


_SENSITIVITIES = {"high": 0.09, "normal": 0.12, "low": 0.3}


def sensitivity(said: object) -> Sensitivity:
    """Read ``barge_sensitivity``: low, normal, high, or decibels of full scale below which nothing counts."""
    if isinstance(said, int | float) and not isinstance(said, bool) and -90 <= said <= 0:
        return Sensitivity(level=round(32768 * 10 ** (said / 20)))
    return Sensitivity(_SENSITIVITIES.get(said, 0.12) if isinstance(said, str) else 0.12)


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
        self._latest: deque[bool] = deque(maxlen=16)
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
        voiced = likely >= (_OFF if self.speaking else _ON) and peak(frame) >= self.sensitivity.level
        self._latest.append(voiced)
        if voiced:
            self.voiced_to = self.position
        if self.speaking:
            self.speaking = self.quiet < _OVER
            return False
        needed = max(2, round(self.sensitivity.seconds / self._frame))
        self.speaking = sum(list(self._latest)[-needed - 1 :]) >= needed
        if self.speaking:
            self.began = self.position - (needed + 1) * self._frame
        return self.speaking
