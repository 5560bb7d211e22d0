"""Finds where speech begins and how long it has been quiet, frame by frame; no clock but the audio itself."""

from __future__ import annotations

from collections import deque
from statistics import fmean

from . import VoiceDetector

__all__ = ["Segmenter"]

_ON, _ON_TELEPHONE, _OFF = 0.5, 0.35, 0.35
_FRAMES_TO_START = 2
_BEFORE_ONSET = 0.4
"""Seconds kept from before the onset; on a telephone line the detector needs 0.2 s more to be sure."""
_SAMPLE_WIDTH = 2


class Segmenter:
    """Holds the open segment: the audio from a little before the onset until now.

    All lengths and positions are samples at the detector's rate. Source of the thresholds: Silero's own
    advice (on above 0.5, off below 0.35), two frames to start. A telephone line leaves out so much of a voice that
    the detector is sure of it 0.1 s later; there the lower threshold brings half of that back.
    """

    def __init__(self, detector: VoiceDetector, before_onset: float = _BEFORE_ONSET, telephone: bool = False) -> None:
        self._detector = detector
        self._on = _ON_TELEPHONE if telephone else _ON
        self.rate = detector.rate
        self.frame_bytes = detector.frame * _SAMPLE_WIDTH
        kept = _FRAMES_TO_START + round(before_onset * detector.rate / detector.frame)
        self._before: deque[tuple[bytes, float]] = deque(maxlen=kept)
        self._speech: bytearray | None = None
        self.position = 0
        """How much audio has been heard."""
        self.began = 0
        """Where the open segment's speech began."""
        self.voiced_until = 0
        """Where the latest frame of speech ended."""
        self._likely = list[float]()

    @property
    def speaking(self) -> bool:
        """Whether a segment is open."""
        return self._speech is not None

    @property
    def silence(self) -> float:
        """Seconds since the latest frame of speech of the open segment."""
        return (self.position - self.voiced_until) / self.rate

    @property
    def length(self) -> float:
        """Seconds since the onset of the open segment."""
        return (self.position - self.began) / self.rate

    @property
    def voiced(self) -> float:
        """Seconds from the onset to the latest frame of speech."""
        return (self.voiced_until - self.began) / self.rate

    @property
    def likelihood(self) -> float:
        """How likely the open segment is speech, 0 to 1: the mean of its frames up to the latest of speech."""
        frames = max(1, (self.voiced_until - self.began) // self._detector.frame)
        return fmean(self._likely[:frames]) if self._likely else 0.0

    @property
    def speech(self) -> bytes:
        """The open segment's audio."""
        return bytes(self._speech or b"")

    def feed(self, frame: bytes) -> None:
        """Hear one whole frame."""
        likely = self._detector.probability(frame)
        self.position += self._detector.frame
        if self._speech is not None:
            self._speech += frame
            self._likely.append(likely)
            if likely >= _OFF:
                self.voiced_until = self.position
            return
        self._before.append((frame, likely))
        latest = list(self._before)[-_FRAMES_TO_START:]
        if len(latest) == _FRAMES_TO_START and all(likely > self._on for _, likely in latest):
            self._open(_FRAMES_TO_START)

    def _open(self, frames: int) -> None:
        """Open a segment whose speech began this many frames ago."""
        self._speech = bytearray(b"".join(frame for frame, _ in self._before))
        self._likely = [likely for _, likely in self._before][-frames:]
        self._before.clear()
        self.began = self.position - frames * self._detector.frame
        self.voiced_until = self.position

    def force(self, rest: bytes) -> bool:
        """Take in the last part of a frame, and open a segment for an onset too short to be sure of.

        Returns whether a segment is open now.
        """
        voiced = [likely > self._on for _, likely in self._before]
        if self._speech is None and any(voiced):
            self._open(len(voiced) - voiced.index(True))
        self.position += len(rest) // _SAMPLE_WIDTH
        if self._speech is not None:
            self._speech += rest
        return self.speaking

    def drop(self, tail: bytes) -> None:
        """Take the last part out of the open segment again."""
        assert self._speech is not None
        del self._speech[-len(tail) :]
        self.voiced_until = min(self.voiced_until, self.position - len(tail) // _SAMPLE_WIDTH)

    def close(self, carry: bytes = b"") -> None:
        """End the open segment; ``carry`` opens the next one."""
        self._before.clear()
        self._speech = bytearray(carry) if carry else None
        samples = len(carry) // _SAMPLE_WIDTH
        self.began = self.position - samples
        self.voiced_until = self.position
        self._likely = self._likely[-(samples // self._detector.frame) :]
