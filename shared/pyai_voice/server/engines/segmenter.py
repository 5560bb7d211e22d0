"""Finds where speech begins and how long it has been quiet, frame by frame; no clock but the audio itself."""

from __future__ import annotations

from collections import deque

from . import VoiceDetector

__all__ = ["Segmenter"]

_ON, _OFF = 0.5, 0.35
_FRAMES_TO_START = 2
_SAMPLE_WIDTH = 2


class Segmenter:
    """Holds the open segment: the audio from a quarter of a second before the onset until now.

    All lengths and positions are samples at the detector's rate. Source of the thresholds: Silero's own
    advice (on above 0.5, off below 0.35), two frames to start.
    """

    def __init__(self, detector: VoiceDetector, before_onset: float = 0.25) -> None:
        self._detector = detector
        self.rate = detector.rate
        self.frame_bytes = detector.frame * _SAMPLE_WIDTH
        kept = _FRAMES_TO_START + round(before_onset * detector.rate / detector.frame)
        self._before: deque[tuple[bytes, bool]] = deque(maxlen=kept)
        self._speech: bytearray | None = None
        self.position = 0
        """How much audio has been heard."""
        self._began = 0
        self.voiced_until = 0
        """Where the latest frame of speech ended."""

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
        return (self.position - self._began) / self.rate

    @property
    def voiced(self) -> float:
        """Seconds from the onset to the latest frame of speech."""
        return (self.voiced_until - self._began) / self.rate

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
            if likely >= _OFF:
                self.voiced_until = self.position
            return
        self._before.append((frame, likely > _ON))
        if self._onset_frames() == _FRAMES_TO_START:
            self._open()

    def _onset_frames(self) -> int:
        return sum(voiced for _, voiced in list(self._before)[-_FRAMES_TO_START:])

    def _open(self) -> None:
        self._speech = bytearray(b"".join(frame for frame, _ in self._before))
        self._before.clear()
        self._began = self.position - _FRAMES_TO_START * self._detector.frame
        self.voiced_until = self.position

    def force(self, rest: bytes) -> bool:
        """Take in the last part of a frame, and open a segment for an onset too short to be sure of.

        Returns whether a segment is open now.
        """
        if self._speech is None and any(voiced for _, voiced in self._before):
            self._open()
        self.position += len(rest) // _SAMPLE_WIDTH
        if self._speech is not None:
            self._speech += rest
        return self.speaking

    def close(self, carry: bytes = b"") -> None:
        """End the open segment; with ``carry`` its last part opens the next one."""
        self._before.clear()
        self._speech = bytearray(carry) if carry else None
        self._began = self.position - len(carry) // _SAMPLE_WIDTH
