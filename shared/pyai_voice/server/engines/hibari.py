"""Synthesiser for Speak: hibari-tts, English, 24 kHz, over 100 times faster than real time on one core.

The package holds one voice. The other four of the catalogue are that voice with another pitch and vocal
tract: its model gives pitch and spectral envelopes before the wave is made, and both can be scaled.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import Priority, Voice
from .speakable import speakable, split_sentence
from .workers import Workers

__all__ = ["HibariSynthesizer"]

Array = npt.NDArray[np.float32]

_RATE = 24000
_SLOWEST, _FASTEST = 0.5, 2.0
_LOUDNESS, _LOUDEST_GAIN = 0.11, 6.0
"""Root mean square of the spoken part, of full scale (-19 dB), and how much a quiet wave is raised at most."""
_FRAME, _PAUSE_POWER = 480, 0.01
"""Samples of a frame (20 ms), and the part of the loudest frame's power below which one is a pause."""
_ONSET_POWER, _LEAD = 0.0003, 1200
"""Part of the loudest frame's power from which on a soft consonant may have begun; samples (50 ms) kept before it."""
_KNEE = 0.7
"""Of full scale; above it louder grows less and less."""
_SEED = 7
"""Of the noise in the voice: the same text always gives the same audio."""


@dataclass(frozen=True, slots=True)
class _Sound:
    voice: Voice
    pitch: float
    """Factor on the pitch."""
    tract: float
    """Factor on the frequencies of the spectral envelope: below 1 is a longer vocal tract."""


def _variant(voice_id: str, name: str, gender: str, bio: str, *aliases: str) -> Voice:
    return Voice(voice_id, name, gender, "en-US", f"{bio} A variant of Heart with changed pitch and timbre.", aliases)


_HEART = Voice(
    "stock_heart_en_us",
    "Heart",
    "F",
    "en-US",
    "The one real voice of the local engine: American, warm. Also answers to PyAI's example id "
    "stock_emma_en_gb, although it is not British.",
    ("nova", "coral", "marin", "stock_emma_en_gb"),
)

_SOUNDS = (
    _Sound(_HEART, 1.0, 1.0),
    _Sound(_variant("stock_willow_en_us", "Willow", "F", "Low and calm.", "alloy", "sage"), 0.85, 0.95),
    _Sound(_variant("stock_robin_en_us", "Robin", "F", "Bright and high.", "shimmer"), 1.15, 1.06),
    _Sound(
        _variant("stock_rowan_en_us", "Rowan", "M", "Male, medium.", "echo", "fable", "ash", "ballad", "verse"),
        0.58,
        0.87,
    ),
    _Sound(_variant("stock_oak_en_us", "Oak", "M", "Male, deep.", "onyx", "cedar"), 0.50, 0.83),
)


class HibariSynthesizer:
    """A :class:`~pyai_voice.server.engines.Synthesizer`. One instance serves every request."""

    name = "hibari-tts"
    rate = _RATE
    speeds = (_SLOWEST, _FASTEST)
    voices = tuple(sound.voice for sound in _SOUNDS)

    def __init__(self, workers: Workers) -> None:
        """Load the model and the pronunciation, and speak once unheard, so that the first request is quick (0.7 s)."""
        from hibari import Hibari, dsp

        self._workers = workers
        self._make_wave: Callable[..., Array] = dsp.synth  # pyright: ignore[reportUnknownMemberType] - the package has no types
        self._hibari: Any = Hibari(threads=1)
        self._reading = threading.Lock()
        """The pronunciation keeps caches that are not made for two threads."""
        self._speak(self._phonemes("Ready.")[0], _SOUNDS[0], 1.0)

    def find(self, voice_id: str) -> Voice | None:
        """Return the voice with this id or alias; the default for an empty id; None for an unknown one."""
        sound = _find(voice_id)
        return sound.voice if sound else None

    def pronounce(self, text: str) -> str:
        """Return the phonemes of a text."""
        with self._reading:
            return str(self._hibari.g2p(text))

    async def stream(self, text: str, voice_id: str = "", speed: float = 1.0) -> AsyncIterator[bytes]:
        """Yield pcm16 mono at 24 kHz, a sentence at a time; of a long first sentence its first clause."""
        sound = _find(voice_id)
        if sound is None:
            raise ValueError(f"unknown voice {voice_id!r}")
        if not _SLOWEST <= speed <= _FASTEST:
            raise ValueError(f"speed must be between {_SLOWEST} and {_FASTEST}")
        for sentence in await self._workers.run(Priority.SPEECH, lambda _: self._sentences(text)):
            for phonemes in await self._workers.run(Priority.SPEECH, lambda _, part=sentence: self._phonemes(part)):
                yield await self._workers.run(Priority.SPEECH, lambda _, part=phonemes: self._speak(part, sound, speed))

    def _sentences(self, text: str) -> list[str]:
        sentences: list[str] = self._hibari.split_sentences(speakable(text))
        return [part for place, each in enumerate(sentences) for part in split_sentence(each, first=place == 0)]

    def _phonemes(self, sentence: str) -> list[str]:
        with self._reading:
            return [part for part in self._hibari.phonemize(sentence) if any(char.isalpha() for char in part)]

    def _speak(self, phonemes: str, sound: _Sound, speed: float) -> bytes:
        ids = np.asarray([self._hibari.ids(phonemes)], np.int64)
        outputs = self._hibari.sess.run(None, {"ids": ids, "speed": np.asarray([speed], np.float32)})
        harmonic, phase, noise, residual, residual_phase, pitch = (output[0] for output in outputs)
        harmonic, noise, residual = (_stretch(envelope, sound.tract) for envelope in (harmonic, noise, residual))
        rng = np.random.default_rng(_SEED)
        wave: Array = self._make_wave(
            harmonic, phase, noise, residual, residual_phase, pitch * np.float32(sound.pitch), rng
        )
        return _pcm(_leveled(_started(wave)))


def _find(voice_id: str) -> _Sound | None:
    if not voice_id:
        return _SOUNDS[0]
    return next((sound for sound in _SOUNDS if voice_id in (sound.voice.voice_id, *sound.voice.aliases)), None)


def _stretch(envelope: Array, factor: float) -> Array:
    """Move a log envelope [bins, frames] along frequency by a factor."""
    if factor == 1.0:
        return envelope
    bins = envelope.shape[0]
    place: Array = np.linspace(0.0, (bins - 1) / factor, bins, dtype=np.float32)
    low = np.minimum(place, bins - 2).astype(np.intp)
    part = np.minimum(place - low, np.float32(1))[:, None]
    return envelope[low] * (1 - part) + envelope[low + 1] * part


def _started(wave: Array) -> Array:
    """Return the wave without the silence that the model begins with (about 0.3 s), but for a breath of it."""
    power = _power(wave)
    first = int(np.argmax(power > power.max() * _ONSET_POWER))
    return wave[max(0, first * _FRAME - _LEAD) :]


def _power(wave: Array) -> Array:
    frames = wave[: wave.size // _FRAME * _FRAME].reshape(-1, _FRAME)
    return np.square(frames).mean(axis=1) if frames.size else np.zeros(1, np.float32)


def _leveled(wave: Array) -> Array:
    """Return the wave at the loudness of every voice and sentence, pauses not counted."""
    power = _power(wave)
    spoken = power[power > power.max() * _PAUSE_POWER]
    return wave * min(_LOUDEST_GAIN, _LOUDNESS / float(np.sqrt(spoken.mean()))) if spoken.size else wave


def _pcm(wave: Array) -> bytes:
    """Return samples as bytes; what is too loud is bent, not cut."""
    excess = np.maximum(np.abs(wave) - _KNEE, 0.0)
    bent = np.clip(wave, -_KNEE, _KNEE) + np.copysign((1 - _KNEE) * np.tanh(excess / (1 - _KNEE)), wave)
    return (bent * 32767).astype("<i2").tobytes()
