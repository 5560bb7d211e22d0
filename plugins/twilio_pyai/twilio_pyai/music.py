"""Hold music, made here: four soft chords, note by note, so that no file and nobody's rights are needed."""

from __future__ import annotations

from functools import lru_cache

from pyai_voice import g711

__all__ = ["music"]

_CHORDS = ((60, 64, 67, 72), (57, 60, 64, 69), (53, 57, 60, 65), (55, 59, 62, 67))
"""C, A minor, F and G, as MIDI notes."""
_ORDER = (0, 1, 2, 3, 2, 1)
"""How a chord is played."""
_BEAT = 0.4
"""Seconds of a note."""
_LOUDNESS = 0.12
"""Of 1: well below a voice."""


def music(seconds: float) -> bytes:
    """Return so much of it, as mu-law at 8000 Hz; it begins again where it ends."""
    size, loop = round(seconds * g711.RATE), _loop()
    return (loop * (size // len(loop) + 1))[:size]


@lru_cache(1)
def _loop() -> bytes:
    """One round: 9.6 seconds."""
    return b"".join(_note(chord[step]) for chord in _CHORDS for step in _ORDER)


def _note(midi: int) -> bytes:
    """Return a note that is plucked and fades: it begins and ends in silence, so that nothing clicks."""
    import numpy as np

    time = np.arange(round(_BEAT * g711.RATE)) / g711.RATE
    phase = 2 * np.pi * 440 * 2 ** ((midi - 69) / 12) * time
    envelope = np.minimum(time / 0.01, 1) * np.exp(-4 * time) * np.minimum((_BEAT - time) / 0.05, 1)
    sound = envelope * (np.sin(phase) + 0.25 * np.sin(2 * phase))
    return g711.encode((32767 * _LOUDNESS * sound).astype("<i2").tobytes())
