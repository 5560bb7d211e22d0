"""The agent's audio at the rate that was asked for, each reply on its own. No I/O, no clock.

Above: :mod:`pyai_voice.omni`. A resampler holds back some tens of milliseconds; they are given when the audio before
them would have been played, so that a reply is not cut, and does not wait for its own end.
"""

from __future__ import annotations

from .audio import AudioFormat, Resampler
from .omni_events import Interrupted, OmniEvent, ReplyAudio, ReplyEnded

__all__ = ["ReplySound"]

_LEAD = 0.06
"""Seconds before the end of what can be played in which the rest is given."""


class ReplySound:
    """Every ``now`` is in seconds of one clock."""

    def __init__(self, rate: int | None) -> None:
        self._rate = rate
        if rate is not None:
            Resampler(2 * rate, rate)  # loads soxr now: in the middle of a call that would be a gap of half a second
        self._reply = ""
        self._source: int | None = None
        self._resampler: Resampler | None = None
        self._plays_until = 0.0

    def take(self, event: OmniEvent, now: float) -> list[OmniEvent]:
        """Return what is to be told for an event of the machine."""
        match event:
            case ReplyAudio() if self._rate not in (None, event.rate):
                return self._resampled(event, now)
            case Interrupted():
                self._resampler = None
            case ReplyEnded(interrupted=False):
                return [*self._rest(), event]
            case _:
                pass
        return [event]

    def tick(self, now: float) -> list[OmniEvent]:
        """Give what is held back if it is due."""
        return self._rest() if now >= self._plays_until - _LEAD else []

    def _resampled(self, event: ReplyAudio, now: float) -> list[OmniEvent]:
        assert self._rate is not None
        rest = self._rest() if (self._reply, self._source) != (event.reply, event.rate) else []
        self._reply, self._source = event.reply, event.rate
        self._resampler = self._resampler or Resampler(event.rate, self._rate)
        seconds = AudioFormat(event.rate).seconds(len(event.pcm))
        self._plays_until = max(self._plays_until, now) + seconds
        return [*rest, *self._audio(self._resampler.feed(event.pcm))]

    def _rest(self) -> list[OmniEvent]:
        resampler, self._resampler = self._resampler, None
        return self._audio(resampler.feed(b"", last=True)) if resampler else []

    def _audio(self, pcm: bytes) -> list[OmniEvent]:
        return [ReplyAudio(self._reply, pcm, self._rate or 0)] if pcm else []
