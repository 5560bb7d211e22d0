"""What the callers of the measurement say: sentences in another voice than the agent's, and recordings of people."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from pyai_voice.audio import read_wav
from pyai_voice.options import Endpoint, SpeakOptions
from pyai_voice.speak import SpeakClient

from ..engines import SPEECH

__all__ = ["RATE", "Line", "people", "voices"]

RATE = 16000
_STEP = RATE // 100
_SPEECH = 0.05
"""A 10 ms that is louder than this part of the loudest one is speech: 26 dB below it."""
_VOICES = ("stock_rowan_en_us", "stock_robin_en_us")
_SENTENCES = (
    "I would like a large latte with oat milk.",
    "Can I get a small cappuccino, please?",
    "What do you recommend?",
    "A double espresso without sugar.",
    "Yes, that is right.",
    "No, make it a medium one.",
    "I'll have an iced mocha with whole milk.",
    "Could I have a hot chocolate instead?",
    "Good morning, one flat white please.",
    "That is all, thank you.",
)


@dataclass(frozen=True)
class Line:
    """Something said: pcm16 mono at 16 kHz, from the first 10 ms of speech to the last."""

    text: str
    pcm: bytes

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.pcm) / 2 / RATE


async def voices(endpoint: Endpoint) -> list[Line]:
    """Return the sentences, spoken by Speak in two voices that are not the agent's."""
    async with SpeakClient(endpoint) as speak:
        options = [SpeakOptions(voice=voice, sample_rate=RATE) for voice in _VOICES]
        return [
            Line(text, trimmed(await speak.speak(text, options[place % len(options)])))
            for place, text in enumerate(_SENTENCES)
        ]


def people() -> list[Line]:
    """Return the orders of people in a coffee bar; none where the recordings are not beside the project."""
    manifest = SPEECH / "manifest.json"
    entries = json.loads(manifest.read_text(encoding="utf-8")) if manifest.is_file() else []
    orders = [entry["file"] for entry in entries if entry["file"].startswith("coffee")]
    return [Line(name, trimmed(read_wav(SPEECH / name)[0])) for name in orders]


def trimmed(pcm: bytes) -> bytes:
    """Return the audio from the first 10 ms of speech to the last."""
    samples = np.frombuffer(pcm, "<i2")
    steps = samples[: samples.size // _STEP * _STEP].reshape(-1, _STEP).astype(np.float64)
    levels = np.sqrt(np.square(steps).mean(axis=1))
    loud = np.flatnonzero(levels > _SPEECH * levels.max())
    return samples[_STEP * int(loud[0]) : _STEP * (int(loud[-1]) + 1)].tobytes()
