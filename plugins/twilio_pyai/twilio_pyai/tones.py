"""Touch tones as sound (ITU-T Q.23), since Twilio's media streams have no message that dials."""

from __future__ import annotations

from functools import lru_cache

from pyai_voice import g711

__all__ = ["DIALABLE", "tones"]

_ROWS, _COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
_KEYS = ("123A", "456B", "789C", "*0#D")
_TONE, _GAP, _PAUSE = 0.1, 0.1, 0.5
"""Seconds of a tone, of the silence after it, and of ``w`` or ``,``."""
_LOW, _HIGH = 0.28, 0.35
"""Loudness, of 1: the higher tone is 2 dB louder, as telephones have it."""
DIALABLE = frozenset("0123456789*#ABCDabcdwW,")


def tones(digits: str) -> bytes:
    """Return the digits as mu-law at 8000 Hz; ``w`` and ``,`` are half a second of silence; others are left out."""
    return b"".join(_tone(each) for each in digits.upper() if each in DIALABLE)


@lru_cache(32)
def _tone(key: str) -> bytes:
    import numpy as np

    if key in "W,":
        return g711.encode(bytes(2 * round(_PAUSE * g711.RATE)))
    row, column = next((row, keys.index(key)) for row, keys in enumerate(_KEYS) if key in keys)
    time = np.arange(round(_TONE * g711.RATE)) / g711.RATE
    low, high = (np.sin(2 * np.pi * pitch * time) for pitch in (_ROWS[row], _COLUMNS[column]))
    pcm = (32767 * (_LOW * low + _HIGH * high)).astype("<i2").tobytes()
    return g711.encode(pcm + bytes(2 * round(_GAP * g711.RATE)))
