"""The picture of sound that Whisper-like models look at: 80 mel bands, one column for each 10 ms.

Source: Whisper's feature extraction (OpenAI, MIT): frames of 25 ms with a Hann window, mel bands after Slaney.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = ["log_mel"]

_RATE, _WINDOW, _HOP, _BANDS = 16000, 400, 160, 80
_FLOOR, _RANGE = 1e-10, 8.0
_LINEAR_TO, _MEL_A_HERTZ, _LOG_STEP = 1000.0, 3 / 200, math.log(6.4) / 27
"""Slaney's scale: linear up to 1000 Hz, then logarithmic."""

Samples = npt.NDArray[np.float32]
Exact = npt.NDArray[np.float64]


def log_mel(samples: Samples, length: int) -> npt.NDArray[np.float32]:
    """Return (80, length // 160) of 16 kHz audio, of which the last ``length`` samples count; silence goes before less.

    The audio is brought to mean 0 and variance 1 first; the values lie roughly between -1 and 1.
    """
    samples = samples[-length:]
    missing = length - samples.size
    whole = np.pad(samples, (missing, 0))
    whole = (whole - whole.mean()) / np.sqrt(whole.var() + 1e-7)
    bands = np.log10(np.maximum(_power(whole, missing) @ _FILTERS, _FLOOR))
    return np.ascontiguousarray((np.maximum(bands, bands.max() - _RANGE).T + 4) / 4, np.float32)


def _power(whole: Samples, missing: int) -> Samples:
    """Return the power spectrum of each frame; those before the audio are all alike and computed once."""
    framed = np.lib.stride_tricks.sliding_window_view(np.pad(whole, _WINDOW // 2, mode="reflect"), _WINDOW)[:-1:_HOP]
    alike = max(0, (missing - _WINDOW // 2) // _HOP)
    power = np.square(np.abs(np.fft.rfft(framed[alike:] * _HANN)))
    return np.concatenate([np.repeat(power[:1], alike, axis=0), power])


def _filters() -> Samples:
    """Return the weight of each of 201 frequencies in each band: triangles of equal area."""
    top = 15 + math.log(_RATE / 2 / _LINEAR_TO) / _LOG_STEP
    mels: Exact = np.linspace(0, top, _BANDS + 2)
    edges: Exact = np.where(mels < 15, mels / _MEL_A_HERTZ, _LINEAR_TO * np.exp(_LOG_STEP * (mels - 15)))
    width: Exact = np.diff(edges)
    distance = edges[None] - np.linspace(0, _RATE / 2, _WINDOW // 2 + 1)[:, None]
    weights: Exact = np.maximum(0, np.minimum(-distance[:, :-2] / width[:-1], distance[:, 2:] / width[1:]))
    return (weights * (2 / (edges[2:] - edges[:-2]))).astype(np.float32)


_HANN = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
_FILTERS = _filters()
