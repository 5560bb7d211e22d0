"""What is in 20 ms of telephone sound: how loud, which tones, how much it changes. numpy, no I/O, no clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...g711 import RATE

__all__ = ["HOP", "Moment", "Sound"]

HOP = 0.02
"""Seconds between two moments."""
_HOP, _WINDOW, _FFT = 160, 320, 512
_BIN = RATE / _FFT
_LOWEST, _HIGHEST = 280.0, 3400.0
"""Hz that a telephone line carries."""
_NEAR = 4
"""Bins on each side that belong to a tone: the main lobe of the window."""
_APART = 3
"""Hops between two spectra that are compared: their windows do not overlap."""
_QUIETEST = 1e-9

Spectrum = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Moment:
    """20 ms of a call."""

    at: float
    """Where it ends, in seconds of the call."""
    level: float
    """Loudness in dB below full scale (a sine of full scale has -3)."""
    frequency: float
    """The strongest tone, in Hz."""
    purity: float
    """Its share of the energy, 0 to 1."""
    second: float
    """The second strongest tone, in Hz."""
    both: float
    """The share of the two together."""
    likeness: float
    """How like the spectrum is to that of 60 ms before, 0 to 1: music and tones are, speech is not."""


class Sound:
    """Takes pcm16 at 8000 Hz in pieces of any size and gives a moment for each 20 ms."""

    def __init__(self) -> None:
        self._window = np.hanning(_WINDOW)
        band = np.fft.rfftfreq(_FFT, 1 / RATE)
        self._outside = (band < _LOWEST - 4 * _BIN) | (band > _HIGHEST + 4 * _BIN)
        self._rest = b""
        self._last = np.zeros(_WINDOW)
        self._before = deque[Spectrum](maxlen=_APART)
        self._heard = 0

    def feed(self, pcm: bytes) -> list[Moment]:
        """Return the moments that are complete now."""
        pcm = self._rest + pcm
        size = 2 * _HOP
        whole = len(pcm) - len(pcm) % size
        self._rest = pcm[whole:]
        return [self._hop(pcm[start : start + size]) for start in range(0, whole, size)]

    def _hop(self, pcm: bytes) -> Moment:
        samples = np.frombuffer(pcm, "<i2") / 32768
        self._last = np.concatenate([self._last[_HOP:], samples])
        self._heard += _HOP
        power = np.square(np.abs(np.fft.rfft(self._last * self._window, _FFT)))
        power[self._outside] = 0.0
        likeness = self._likeness(np.sqrt(power))
        total = float(power.sum()) + _QUIETEST
        frequency, first = _take_peak(power)
        second, other = _take_peak(power)
        level = 10 * float(np.log10(np.square(samples).mean() + _QUIETEST))
        return Moment(self._heard / RATE, level, frequency, first / total, second, (first + other) / total, likeness)

    def _likeness(self, spectrum: Spectrum) -> float:
        full = len(self._before) == _APART
        before = self._before[0] if full else spectrum * 0
        self._before.append(spectrum)
        norm = float(np.linalg.norm(spectrum) * np.linalg.norm(before))
        return float(spectrum @ before) / norm if norm > _QUIETEST else 0.0


def _take_peak(power: Spectrum) -> tuple[float, float]:
    """Take the strongest tone out of a spectrum; return its frequency and its energy."""
    at = int(np.argmax(power))
    low, high = max(0, at - _NEAR), at + _NEAR + 1
    energy = float(power[low:high].sum())
    near = power[max(0, at - 1) : at + 2]
    hertz = float(near @ np.arange(max(0, at - 1), max(0, at - 1) + len(near))) / (float(near.sum()) + _QUIETEST) * _BIN
    power[low:high] = 0.0
    return hertz, energy
