"""The caller: lines out of a WAV file, or read by another voice of Speak; and a real reading as first proof of life."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyai_voice.audio import AudioFormat, read_wav, resample
from pyai_voice.errors import AudioError

from .call import CALLER, Line

__all__ = ["SCRIPT", "Caller", "first_reading", "line_of", "recorded", "split_lines"]

SCRIPT = (
    "Hi, I would like a latte, please.",
    "Large please, and some oat milk.",
    "Yes, thank you.",
    "When are you open on Sundays?",
)
"""What the synthetic caller says; only the knowledge base has an answer to the last line."""

PAUSE = 1.0
"""Seconds of silence between two lines of a recording."""
_BREATH = 0.2
"""Seconds of silence between two phrases of a reading."""
_FRAME = 0.02
_MARGIN = 0.3
"""Seconds kept before and after the speech of a line."""
_SILENCE = 300.0
"""A recording without one frame above this amplitude (of 32768) is silent ..."""
_FLOOR = 0.03
"""... and a frame below this part of the loudest one is no speech."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and what is said."""

    name: str
    """For the screen: says honestly where the voice comes from."""
    lines: tuple[Line, ...]


def recorded(path: str | Path) -> Caller:
    """Return the caller of a recording: a new line after each pause of a second.

    Raises AudioError for anything but a 16-bit mono PCM WAV file, and for one without speech.
    """
    pcm, source = read_wav(path)
    lines = split_lines(resample(pcm, source.rate, CALLER.rate))
    if not lines:
        raise AudioError(f"{path} is silent", code="invalid_audio", hint="Record it again, louder")
    return Caller(f"the recording {Path(path).name}", tuple(lines))


def line_of(pcm: bytes, source: AudioFormat, text: str = "") -> Line:
    """Return a whole recording as one line; it may be silent (then the speech ends where it begins)."""
    pcm = resample(pcm, source.rate, CALLER.rate)
    speech = _speech_frames(pcm)
    first, last = (speech[0], speech[-1] + 1) if speech.size else (0, 0)
    return Line(pcm, first * _FRAME, last * _FRAME, text)


def split_lines(pcm: bytes) -> list[Line]:
    """Return the lines of a 16 kHz recording: stretches of speech with at least a second of silence between them."""
    speech = _speech_frames(pcm)
    if not speech.size:
        return []
    groups = np.split(speech, np.flatnonzero(np.diff(speech) * _FRAME > PAUSE) + 1)
    return [_cut(pcm, group[0] * _FRAME, (group[-1] + 1) * _FRAME) for group in groups]


def _cut(pcm: bytes, onset: float, end: float) -> Line:
    start = max(0.0, onset - _MARGIN)
    piece = pcm[CALLER.size(start) : CALLER.size(end + _MARGIN)]
    return Line(piece, onset - start, end - start)


def _speech_frames(pcm: bytes) -> np.ndarray:
    """Return the numbers of the 20 ms frames that are loud enough for speech."""
    size = CALLER.size(_FRAME) // 2
    samples = np.frombuffer(pcm, np.int16)
    frames = samples[: len(samples) // size * size].reshape(-1, size).astype(np.float32)
    loudness = np.sqrt(np.square(frames).mean(axis=1)) if len(frames) else np.zeros(1)
    return (
        np.flatnonzero(loudness > max(_SILENCE / 3, loudness.max() * _FLOOR))
        if loudness.max() > _SILENCE
        else np.array([], int)
    )


def first_reading(seconds: float = 10.0) -> tuple[bytes, AudioFormat]:
    """Return the beginning of a real person's reading of "A Tale of Two Cities", up to a pause.

    It comes in the wheel of moonshine-voice. Raises AudioError when it is not there.
    """
    package = importlib.util.find_spec("moonshine_voice")
    if package is None or package.origin is None:
        raise AudioError("The package moonshine-voice is missing", hint="Run: make setup")
    pcm, source = read_wav(Path(package.origin).parent / "assets" / "two_cities.wav")
    pcm = resample(pcm[: source.size(seconds)], source.rate, CALLER.rate)
    speech = _speech_frames(pcm)
    pauses = speech[:-1][np.diff(speech) * _FRAME > _BREATH]
    end = (pauses[-1] + 1) * _FRAME + _BREATH if pauses.size else seconds
    return pcm[: CALLER.size(end)], CALLER
