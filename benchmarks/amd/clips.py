"""Makes and keeps the calls: how they are answered, on a telephone line, with the truth about each.

    python -m benchmarks.amd.clips

Every text is spoken in all voices of the local Speak (one natural voice and its variants), at different paces; people
are silent afterwards and say hello again, recorders beep. Everything is made from a seed.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass

import numpy as np

from pyai_voice.audio import resample
from pyai_voice.server.engines.load import Engines, load_engines

from ..official import ROOT
from .sounds import (
    RATE,
    SIT,
    Samples,
    beep,
    fax_answer,
    fax_call,
    hold_music,
    joined,
    line,
    silence,
    special_information,
    tone,
)
from .texts import HALVES

__all__ = ["Clip", "kept_clips"]

FOLDER = ROOT / "build" / "benchmarks" / "amd"
_VERSION = 2
_LONGEST = 16.0
"""Seconds of a call that are kept."""
_PAUSES = (0.3, 1.1)
"""Seconds between two sentences."""
_SOUNDS_EACH = 8
"""Calls of each kind without words, in each half."""


@dataclass(frozen=True)
class Clip:
    """One call that was answered."""

    name: str
    kind: str
    """human, voicemail, ivr, screening, sit_invalid, beep, fax, music, silence or ringing."""
    half: str
    """tuning or judging."""
    began: float
    """Where the first sound begins, in seconds."""
    text: str = ""

    def coded(self) -> bytes:
        """Return its sound: mu-law at 8000 Hz."""
        return (FOLDER / f"{self.name}.ulaw").read_bytes()


def kept_clips(half: str) -> list[Clip]:
    """Return the calls of one half; all are made when they are not there."""
    manifest = FOLDER / f"clips-{_VERSION}.json"
    if not manifest.is_file():
        FOLDER.mkdir(parents=True, exist_ok=True)
        clips = asyncio.run(_make())
        manifest.write_text(json.dumps([asdict(clip) for clip in clips], indent=1), encoding="utf-8")
    every = [Clip(**fields) for fields in json.loads(manifest.read_text(encoding="utf-8"))]
    return [clip for clip in every if clip.half == half]


async def _make() -> list[Clip]:
    engines = await load_engines()
    try:
        spoken = [clip async for clip in _spoken(engines)]
    finally:
        await engines.aclose()
    return [*spoken, *(clip for half in HALVES for clip in _sounds(half))]


async def _spoken(engines: Engines) -> AsyncIterator[Clip]:
    for half, kinds in HALVES.items():
        for kind, texts in kinds.items():
            for number, text in enumerate(texts):
                for voice in engines.synthesizer.voices:
                    name = f"{half}_{kind}_{number}_{voice.voice_id}"
                    chance = _chance(name)
                    said = await _say(engines, text, voice.voice_id, chance)
                    yield _keep(name, kind, half, said, chance, text)


async def _say(engines: Engines, text: str, voice: str, chance: np.random.Generator) -> list[Samples]:
    pace, parts = chance.uniform(0.9, 1.15), list[Samples]()
    for piece in map(str.strip, text.split("|")):
        pcm = b"".join([part async for part in engines.synthesizer.stream(piece, voice, pace)])
        samples = np.frombuffer(resample(pcm, engines.synthesizer.rate, RATE), "<i2") / 32768
        parts += [_trimmed(samples), silence(chance.uniform(*_PAUSES))]
    return parts[:-1]


def _trimmed(samples: Samples) -> Samples:
    """Return it without the silence at its edges."""
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples


def _sounds(half: str) -> Iterator[Clip]:
    for number in range(_SOUNDS_EACH):
        for kind in ("sit_invalid", "beep", "fax", "music", "silence", "ringing"):
            name = f"{half}_{kind}_sound{number}"
            chance = _chance(name)
            yield _keep(name, kind, half, [_sound(kind, number, chance)], chance, "")


def _sound(kind: str, number: int, chance: np.random.Generator) -> Samples:
    match kind:
        case "sit_invalid":
            return special_information(list(SIT)[number % len(SIT)])
        case "beep":
            return beep(chance)
        case "fax":
            return fax_answer(chance.uniform(2.6, 4.0)) if number % 2 else fax_call(3)
        case "music":
            return hold_music(chance, 14.0)
        case "ringing":
            pairs, on, off = ((440.0, 480.0), 2.0, 4.0) if number % 2 else ((425.0,), 1.0, 4.0)
            return joined([part for _ in range(3) for part in (tone(on, *pairs), silence(off))])
        case _:
            return silence(1.0)


def _keep(name: str, kind: str, half: str, said: list[Samples], chance: np.random.Generator, text: str) -> Clip:
    before = chance.uniform(0.2, 1.2)
    parts = [silence(before), *said]
    if kind == "human":
        parts += [silence(chance.uniform(3.0, 4.0)), *said]
    elif kind == "voicemail":
        parts += [silence(chance.uniform(0.3, 1.5)), beep(chance)]
    samples = joined([*parts, silence(_LONGEST)])[: round(_LONGEST * RATE)]
    (FOLDER / f"{name}.ulaw").write_bytes(line(samples, chance))
    return Clip(name, kind, half, before, text)


def _chance(name: str) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]))


if __name__ == "__main__":
    for half in HALVES:
        print(half, len(kept_clips(half)))
