"""Steady tones, and what they mean: a beep, special information, fax, the network's own signals. No I/O, no clock.

Above: :mod:`.judge`. Below: :class:`~.sound.Moment`. Sources: ITU-T E.180 (ringing, busy), Q.35 (special information:
three rising tones), T.30 (calling fax: 1100 Hz, 0.5 s) and V.25 (answering fax: 2100 Hz).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Literal

from .sound import HOP, Moment

__all__ = ["Tone", "Tones"]

_PURE = 0.88
"""Share of the energy from which on a moment is a tone."""
_LOUD = -48.0
"""dB; a softer tone is the noise of the line."""
_STEADY = 18.0
"""Hz around its mean within which a tone stays."""
_SHORTEST = 0.1
"""Seconds; a shorter one is a vowel."""
_SIT = ((880.0, 1020.0), (1330.0, 1470.0), (1730.0, 1830.0))
_SIT_SHORTEST, _SIT_LONGEST, _SIT_GAP = 0.2, 0.5, 0.12
_CALLING, _ANSWERING = (1060.0, 1140.0), (2080.0, 2120.0)
_CALLING_SECONDS = (0.42, 0.62)
_ANSWERING_SECONDS = 0.9
_NETWORK = (340.0, 500.0)
"""Hz of dial tone, ringing and busy: with a second tone, or alone (425 Hz in Europe)."""
_BEATING = 45.0
"""Hz within which the two tones of North American ringing (440 and 480) seem to be one that wavers."""
_BEEP_SECONDS = (0.16, 2.4)


@dataclass(frozen=True, slots=True)
class Tone:
    """One steady tone, or two at once."""

    frequency: float
    """Hz; the mean so far."""
    second: float
    """Hz of the other one; 0.0 where there is none."""
    began: float
    """Seconds of the call."""
    until: float
    """Where it ends, as known now."""

    @property
    def seconds(self) -> float:
        """How long it has lasted."""
        return self.until - self.began

    @property
    def network(self) -> bool:
        """Whether it is what a network says before or after a call: ringing, busy, dial tone."""
        return _within(_NETWORK, self.frequency) or bool(self.second)


class Tones:
    """Hears moments; knows the tone that sounds, and those that have ended."""

    def __init__(self) -> None:
        self._open: Tone | None = None
        self._steps = 0
        self._at = 0.0
        self.ended = deque[Tone](maxlen=8)
        """The latest, first to last; short ones are left out."""

    @property
    def current(self) -> Tone | None:
        """The tone that sounds now, once it has lasted long enough to be one."""
        return self._open if self._open and self._open.seconds >= _SHORTEST else None

    def latest(self, within: float) -> Tone | None:
        """Return the tone that sounds now, or the last one if it ended less than so many seconds ago."""
        last = self.current or (self.ended[-1] if self.ended else None)
        return last if last is not None and self._at - last.until < within else None

    def hear(self, moment: Moment) -> None:
        """Take the next 20 ms."""
        self._at = moment.at
        pair = _pair(moment)
        if self._open is not None and pair is not None and _goes_on(self._open, pair):
            self._steps += 1
            mean = self._open.frequency + (pair[0] - self._open.frequency) / self._steps
            self._open = replace(self._open, frequency=mean, until=moment.at)
            return
        if self.current is not None:
            self.ended.append(self.current)
        self._steps = 1
        self._open = Tone(*pair, moment.at - HOP, moment.at) if pair else None

    def special_information(self) -> bool:
        """Tell whether the three rising tones have come."""
        tones = [*self.ended, *([self.current] if self.current else [])][-3:]
        if len(tones) < 3 or not all(
            _within(band, tone.frequency) and not tone.second for band, tone in zip(_SIT, tones, strict=True)
        ):
            return False
        close = all(after.began - before.until <= _SIT_GAP for before, after in zip(tones, tones[1:], strict=False))
        return close and all(_SIT_SHORTEST <= tone.seconds <= _SIT_LONGEST for tone in tones)

    def fax(self) -> Literal["calling", "answering"] | None:
        """Tell whether a fax is calling or answering."""
        now, last = self.current, self.ended[-1] if self.ended else None
        if now and not now.second and _within(_ANSWERING, now.frequency) and now.seconds >= _ANSWERING_SECONDS:
            return "answering"
        if now is None and last and not last.second and _within(_CALLING, last.frequency):
            return "calling" if _within(_CALLING_SECONDS, last.seconds) else None
        return None

    def beep(self) -> Tone | None:
        """Return the recorder's beep that sounds now or was the last tone, if it can be one."""
        tone = self.current or (self.ended[-1] if self.ended else None)
        if tone is None or tone.second or not _within(_BEEP_SECONDS, tone.seconds):
            return None
        return tone


def _pair(moment: Moment) -> tuple[float, float] | None:
    if moment.level < _LOUD:
        return None
    if moment.purity >= _PURE:
        return moment.frequency, 0.0
    low, high = sorted((moment.frequency, moment.second))
    return (low, high) if moment.both >= _PURE else None


def _goes_on(tone: Tone, pair: tuple[float, float]) -> bool:
    same = bool(tone.second) == bool(pair[1])
    steady = _BEATING if _within(_NETWORK, tone.frequency) and not tone.second else _STEADY
    return same and abs(tone.frequency - pair[0]) <= steady and abs(tone.second - pair[1]) <= _STEADY


def _within(bounds: tuple[float, float], value: float) -> bool:
    return bounds[0] <= value <= bounds[1]
