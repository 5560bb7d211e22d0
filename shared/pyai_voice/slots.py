"""The caller's audio in slots of 20 ms, one for each moment of real time, or silence. No I/O, no clock.

Above: :mod:`pyai_voice.omni_call`, which takes a slot every 20 ms. Omni's endpointer needs audio without a gap and
never a burst (PyAI's protocol, Omni, "Barge-in, pacing, audio"). What comes late therefore stays late, by at most
``_MOST_WAITING``, until a pause of the caller makes up for it.
"""

from __future__ import annotations

from .audio import AudioFormat, Resampler, SampleAligner, peak

__all__ = ["SLOT", "CallerSlots"]

SLOT = 0.02
"""Seconds."""
_CUSHION = 3
"""Slots that may wait before quiet ones are left out."""
_MOST_WAITING = 2.0
"""Seconds of audio that may wait; then the oldest is dropped."""
_QUIET = 300
"""Sample value (of 32767) up to which a slot may be left out."""


class CallerSlots:
    """Takes audio in pieces of any size (pcm16 mono at ``input_rate``) and gives it in slots at ``rate``."""

    def __init__(self, rate: int, input_rate: int) -> None:
        self.format = AudioFormat(rate)
        self.muted = False
        """Give silence only, and forget what comes."""
        self._size = self.format.size(SLOT)
        self._aligner = SampleAligner()
        self._resampler = Resampler(input_rate, rate, quality="LQ")  # holds back 20 to 40 ms, HQ twice that
        self._waiting = bytearray()
        self._growing = False

    @property
    def waiting(self) -> float:
        """Seconds of audio that wait."""
        return self.format.seconds(len(self._waiting))

    def feed(self, pcm: bytes) -> float:
        """Take audio; return how many seconds of the oldest had to be dropped."""
        if self.muted:
            return 0.0
        self._waiting += self._resampler.feed(self._aligner.feed(pcm))
        self._growing = True
        over = len(self._waiting) - self.format.size(_MOST_WAITING)
        if over <= 0:
            return 0.0
        del self._waiting[:over]
        return self.format.seconds(over)

    def mute(self, on: bool) -> None:
        """Stop or resume giving the caller's audio; what waits is forgotten."""
        self.muted = on
        self._waiting.clear()

    def next(self) -> bytes:
        """Return the audio of the next 20 ms."""
        size = self._size
        if len(self._waiting) > _CUSHION * size and peak(bytes(self._waiting[:size])) <= _QUIET:
            del self._waiting[:size]
        growing, self._growing = self._growing, False
        if len(self._waiting) < size and (growing or not self._waiting):
            return bytes(size)  # the rest of a slot that has begun is on its way
        slot = bytes(self._waiting[:size])
        del self._waiting[:size]
        return slot.ljust(size, b"\0")
