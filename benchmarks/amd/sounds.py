"""Sounds of telephone networks, made by formula: 8000 Hz, float, full scale 1. Frequencies: ITU-T E.180, Q.35
(special information tones), T.30 and V.25 (fax).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pyai_voice import g711

__all__ = [
    "RATE",
    "SIT",
    "Samples",
    "beep",
    "fax_answer",
    "fax_call",
    "hold_music",
    "joined",
    "line",
    "silence",
    "special_information",
    "tone",
]

RATE = 8000
Samples = npt.NDArray[np.float64]
SIT = {
    "intercept": ((913.8, 0.276), (1370.6, 0.276), (1776.7, 0.380)),
    "vacant code": ((985.2, 0.380), (1370.6, 0.276), (1776.7, 0.380)),
    "reorder": ((913.8, 0.276), (1428.5, 0.380), (1776.7, 0.380)),
    "no circuit": ((985.2, 0.380), (1428.5, 0.380), (1776.7, 0.380)),
}
"""Special information tones (Hz, seconds), in order."""


def silence(seconds: float) -> Samples:
    """Return digital silence."""
    return np.zeros(round(seconds * RATE))


def tone(seconds: float, *frequencies: float, level: float = 0.2) -> Samples:
    """Return the sum of sines, with edges of 5 ms."""
    time = np.arange(round(seconds * RATE)) / RATE
    wave = np.sum([np.sin(2 * np.pi * hertz * time) for hertz in frequencies], axis=0) * level / len(frequencies)
    edge = np.minimum(1.0, np.minimum(np.arange(len(time)), np.arange(len(time))[::-1]) / (0.005 * RATE))
    return wave * edge


def beep(chance: np.random.Generator) -> Samples:
    """Return a recorder's beep: 440 to 2000 Hz, 0.2 to 1.2 s."""
    return tone(chance.uniform(0.2, 1.2), chance.choice([440, 620, 800, 1000, 1050, 1400, 2000]), level=0.25)


def special_information(name: str) -> Samples:
    """Return the three rising tones of a kind of failure."""
    return np.concatenate([tone(seconds, hertz) for hertz, seconds in SIT[name]])


def fax_call(count: int = 2) -> Samples:
    """Return a calling fax: 1100 Hz for half a second, every 3.5 s."""
    return np.concatenate([part for _ in range(count) for part in (tone(0.5, 1100), silence(3.0))])


def fax_answer(seconds: float = 3.0) -> Samples:
    """Return an answering fax: 2100 Hz."""
    return tone(seconds, 2100)


def hold_music(chance: np.random.Generator, seconds: float) -> Samples:
    """Return made music: a melody of plucked or held notes over held chords, with or without a beat."""
    beat = chance.uniform(0.25, 0.5)
    scale = 220 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16]) / 12) * chance.uniform(0.8, 1.3)
    mixed = np.zeros(round(seconds * RATE) + RATE)
    decay, drums = chance.choice([0.4, 2.0, 6.0]), chance.random() < 0.5
    for at in np.arange(0, seconds, beat):
        _add(mixed, at, _note(scale[chance.integers(3, 10)], beat * chance.choice([1, 2]), decay), 0.14)
        if drums:
            _add(mixed, at, chance.normal(size=round(0.05 * RATE)) * np.exp(-np.arange(round(0.05 * RATE)) / 80), 0.08)
    for at in np.arange(0, seconds, 4 * beat):
        root = chance.integers(0, 4)
        for step in (0, 2, 4):
            _add(mixed, at, _note(scale[root + step] / 2, 4 * beat, 0.3), 0.07)
    return mixed[: round(seconds * RATE)]


def _note(hertz: float, seconds: float, decay: float) -> Samples:
    time = np.arange(round(seconds * RATE)) / RATE
    wave = np.sum([np.sin(2 * np.pi * hertz * n * time) / n for n in range(1, 6) if hertz * n < 3600], axis=0)
    return wave * np.exp(-decay * time) * np.minimum(1.0, time / 0.01)


def _add(mixed: Samples, at: float, part: Samples, level: float) -> None:
    start = round(at * RATE)
    part = part[: len(mixed) - start]
    mixed[start : start + len(part)] += level * part


def line(samples: Samples, chance: np.random.Generator) -> bytes:
    """Return what a telephone line makes of it, as mu-law: 300 to 3400 Hz, a level, and noise of 20 to 45 dB below."""
    spectrum = np.fft.rfft(samples)
    hertz = np.fft.rfftfreq(len(samples), 1 / RATE)
    spectrum *= 1 / (1 + np.exp(-(hertz - 280) / 25)) / (1 + np.exp((hertz - 3450) / 40))
    passed = np.fft.irfft(spectrum, len(samples))
    loud = np.sqrt(np.mean(np.square(passed[np.abs(passed) > 0.01]))) if np.any(np.abs(passed) > 0.01) else 0.05
    passed *= 10 ** (chance.uniform(-26, -14) / 20) / loud
    noise = chance.normal(size=len(passed)) * 10 ** (chance.uniform(-66, -46) / 20)
    return g711.encode((np.clip(passed + noise, -1, 1) * 32767).astype("<i2").tobytes())


def joined(parts: Sequence[Samples]) -> Samples:
    """Return parts one after another."""
    return np.concatenate([np.asarray(part) for part in parts])
