"""Audio that says which 20 ms it is, and speech whose every sample follows from its text.

With the engines of :mod:`.engines` the final transcript of :func:`coded_speech` is an exact function of the audio: a
lost, repeated or damaged frame is seen in the text. These are test signals, not speech: no real engine knows them.
"""

from __future__ import annotations

import re
from itertools import groupby
from zlib import crc32

import numpy as np
import numpy.typing as npt

__all__ = ["FRAME", "RATE", "SPEECH_RATE", "coded_speech", "frames_in", "read_frames", "silence", "spoken"]

RATE = 16000
"""Samples a second of coded speech."""
SPEECH_RATE = 24000
"""Samples a second of :func:`spoken`."""
FRAME = 640
"""Bytes of one coded frame: 20 ms."""

Samples = npt.NDArray[np.int16]

_SAMPLES = FRAME // 2
_MARKER = 32767
"""The first sample of a frame, and of nothing else. The second one is the frame's number."""
_DAMAGE = "?"
_PER_CHARACTER = SPEECH_RATE // 20
_PRIME = 60013


def coded_speech(count: int, first: int = 0) -> bytes:
    """Return ``count`` frames of 20 ms (pcm16 mono, 16 kHz) that are numbered from ``first`` on, below 30000.

    The final transcript of 100 of them is ``0-99.``, as :func:`frames_in` reads it.
    """
    return b"".join(_frame(number).tobytes() for number in range(first, first + count))


def silence(seconds: float) -> bytes:
    """Return silence (pcm16 mono, 16 kHz) in whole frames."""
    return bytes(FRAME * round(seconds * 50))


def _frame(number: int) -> Samples:
    filling = (number * 31 + np.arange(_SAMPLES) * 97) % 20011 + 1
    filling[0], filling[1] = _MARKER, number
    return filling.astype("<i2")


def read_frames(pcm: bytes) -> str:
    """Return which frames are in a piece of audio, such as ``0-41 40-99.``; ``?`` stands for damaged audio."""
    samples: Samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2")
    sounds, markers = samples != 0, samples == _MARKER
    found: list[int | None] = []
    at = _next(sounds, 0)
    while at < len(samples):
        number = _number(samples[at : at + _SAMPLES])
        found.append(number)
        at = _next(markers, at + 1) if number is None else _next(sounds, at + _SAMPLES)
    return f"{_ranges(found)}." if found else ""


def _next(wanted: npt.NDArray[np.bool_], at: int) -> int:
    """Return the first wanted place from ``at`` on; the end where there is none."""
    rest = wanted[at:]
    return at + int(rest.argmax()) if rest.any() else len(wanted)


def _number(samples: Samples) -> int | None:
    """Return the number of a whole, undamaged frame."""
    if len(samples) < _SAMPLES or samples[0] != _MARKER:
        return None
    number = int(samples[1])
    return number if np.array_equal(samples, _frame(number)) else None


def _ranges(found: list[int | None]) -> str:
    """Return numbers in a row as ``first-last``."""
    keyed = enumerate(found)
    runs = (list(run) for _, run in groupby(keyed, key=lambda item: None if item[1] is None else item[1] - item[0]))
    return " ".join(_range([number for _, number in run]) for run in runs)


def _range(run: list[int | None]) -> str:
    if run[0] is None:
        return _DAMAGE
    return f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0])


def frames_in(*texts: str) -> list[int]:
    """Return the numbers of the frames that transcripts name, in their order; -1 for damaged audio."""
    found: list[int] = []
    for part in re.split(r"[\s.]+", " ".join(texts)):
        first, _, last = part.partition("-")
        if part:
            found += [-1] if part == _DAMAGE else range(int(first), int(last or first) + 1)
    return found


def spoken(text: str) -> bytes:
    """Return what the test synthesiser says (pcm16 mono, 24 kHz): a ramp, 50 ms for each character."""
    ramp = (crc32(text.encode()) + 7 * np.arange(len(text) * _PER_CHARACTER)) % _PRIME - _PRIME // 2
    return ramp.astype("<i2").tobytes()
