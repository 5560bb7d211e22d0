"""Makes and keeps the clips: somebody speaks, and then is silent; has he finished, or does he go on?

    python -m benchmarks.turns.clips

A clip is an **end** (nothing follows) or a **pause** (more follows after a stated time). They come from

* people: the recordings beside the project, whole (end), up to each silence of 0.15 s or more inside them, and *cut*
  between two words in the middle, where the recogniser finds such a place (pause);
* voices: the sentences of :mod:`.sentences` in two voices of the local Speak each, whole (end), and up to the place
  where the caller stops to think (pause): in the first voice *cut* out of the whole sentence, where the recogniser
  finds the place, else and in the second *said* as a fragment of its own.

Where speech ends is found by energy alone, so that no detector is favoured. After it comes the recording's own level of
noise. How long a pause lasts is spread as people's pauses are: by the silence-only baseline of LiveKit's eot-bench.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from pyai_voice.audio import AudioFormat, read_wav, resample, wav_bytes
from pyai_voice.server.engines import Priority
from pyai_voice.server.engines.load import Engines, load_engines

from ..engines import SPEECH, normal
from ..official import ROOT
from .sentences import SENTENCES

__all__ = ["RATE", "Clip", "kept_clips"]

RATE = 16000
_CUT_AT = 0.6
"""Which part of a person's words is said before the cut."""
AFTER = 2.5
"""Seconds of silence after the speech."""
FOLDER = ROOT / "build" / "benchmarks" / "turns"
_VERSION = 2
_PAUSE = 0.15
"""Seconds: a shorter silence in a recording may be inside a word."""
_CONTEXT = 15.0
_STEP = RATE // 100
_NEAR, _TRIES = 0.4, 8
"""Seconds around where a fragment should end in which a place to cut is looked for; how many are tried."""
_PAUSES = ((0.2, 1.0), (0.3, 0.556), (0.6, 0.217), (1.0, 0.1), (1.6, 0.05), (3.0, 0.01), (5.0, 0.001))
"""How many pauses inside a turn last longer (seconds, share): the silence-only row of eot-bench, English."""

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Clip:
    """One clip and its label."""

    name: str
    source: str
    """The sentence or recording that it comes from; all clips of one source are in the same half."""
    kind: Literal["person", "person, cut", "voice", "voice, cut", "voice, said"]
    ended: float
    """Where the speech ends, in seconds."""
    pause: float | None
    """How long the speaker is silent before going on, in seconds; None at the end of a turn."""
    text: str = ""
    """What is said, where it is known."""

    @property
    def chosen(self) -> bool:
        """Whether it belongs to the half on which thresholds are chosen; the other half is reported."""
        return _hash(self.source) % 2 == 0

    @property
    def path(self) -> Path:
        """Its audio: mono, 16 kHz."""
        return FOLDER / f"{self.name}.wav"

    def pcm(self) -> bytes:
        """Return its audio as pcm16 at 16 kHz."""
        return read_wav(self.path)[0]


def kept_clips() -> list[Clip]:
    """Return the clips; they are made when they are not there."""
    manifest = FOLDER / f"clips-{_VERSION}.json"
    if not manifest.is_file():
        FOLDER.mkdir(parents=True, exist_ok=True)
        clips = asyncio.run(_make())
        manifest.write_text(json.dumps([asdict(clip) for clip in clips], indent=1), encoding="utf-8")
    return [Clip(**fields) for fields in json.loads(manifest.read_text(encoding="utf-8"))]


async def _make() -> list[Clip]:
    engines = await load_engines()
    try:
        people = [clip for entry in _recordings() for clip in await _person(engines, entry)]
        clips = [*people, *[clip for sentence in SENTENCES for clip in await _voices(engines, sentence)]]
    finally:
        await engines.aclose()
    return _spread_pauses(clips)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


def _spread_pauses(clips: list[Clip]) -> list[Clip]:
    """Give the pauses of each half and kind their lengths, evenly over the distribution."""
    groups = dict[tuple[bool, str], list[Clip]]()
    for clip in clips:
        if clip.pause is not None:
            groups.setdefault((clip.chosen, clip.kind), []).append(clip)
    lengths = dict[str, float]()
    for group in groups.values():
        for place, clip in enumerate(sorted(group, key=lambda clip: _hash(clip.name))):
            lengths[clip.name] = _pause_longer_than((place + 0.5) / len(group))
    return [replace(clip, pause=lengths.get(clip.name)) for clip in clips]


def _pause_longer_than(share: float) -> float:
    """Return the length that this share of the pauses exceeds."""
    seconds, shares = map(np.log, zip(*reversed(_PAUSES), strict=True))
    return round(float(np.exp(np.interp(np.log(share), shares, seconds))), 3)


# -- people -----------------------------------------------------------------------------------------


def _recordings() -> list[dict[str, str]]:
    manifest = SPEECH / "manifest.json"
    return json.loads(manifest.read_text(encoding="utf-8")) if manifest.is_file() else []


async def _person(engines: Engines, entry: dict[str, str]) -> list[Clip]:
    samples = np.frombuffer(read_wav(SPEECH / entry["file"])[0], "<i2")
    name = Path(entry["file"]).stem
    pauses, end, words = await _pauses_and_end(engines, samples)
    clips = [_keep(Clip(f"{name}_{n}", name, "person", 0.0, 0.0), samples[:at], samples) for n, at in enumerate(pauses)]
    begun = words[: max(1, round(_CUT_AT * len(words)))]
    at = await _find(engines, samples, round(_CUT_AT * end), begun) if end < _CONTEXT * RATE else None
    if at is not None:
        clips.append(_keep(Clip(f"{name}_cut", name, "person, cut", 0.0, 0.0, " ".join(begun)), samples[:at], samples))
    return [*clips, _keep(Clip(name, name, "person", 0.0, None, entry.get("text", "")), samples[:end], samples)]


async def _pauses_and_end(engines: Engines, samples: Samples) -> tuple[list[int], int, list[str]]:
    """Return where two words or more follow a silence, where no word follows, and all words: a noise is no speech."""
    found = _ends_of_speech(samples)
    read = [await _read(engines, samples[:at]) for at in found]
    pauses = [at for at, words in zip(found, read, strict=True) if 1 <= len(words) <= len(read[-1]) - 2]
    end = next(at for at, words in zip(found, read, strict=True) if len(words) >= len(read[-1]))
    return [at for at in pauses if at < end], end, read[-1]


async def _read(engines: Engines, samples: Samples) -> list[str]:
    return normal((await engines.recognizer.recognize(samples.tobytes(), Priority.FINAL)).text).split()


def _ends_of_speech(samples: Samples) -> list[int]:
    """Return the samples at which speech is followed by a pause, and at last the end of all speech."""
    levels = _levels(samples)
    loud = np.flatnonzero(levels > max(4 * np.quantile(levels, 0.05), levels.max() / 100))
    steps = np.diff(loud)
    ends = [int(loud[place]) for place in np.flatnonzero(steps > _PAUSE * RATE / _STEP)]
    return [_STEP * (end + 1) for end in (*ends, int(loud[-1]))]


def _levels(samples: Samples) -> npt.NDArray[np.float64]:
    """Return how loud each 10 ms is."""
    frames = samples[: samples.size // _STEP * _STEP].reshape(-1, _STEP).astype(np.float64)
    return np.sqrt(np.square(frames).mean(axis=1))


# -- voices -----------------------------------------------------------------------------------------


async def _voices(engines: Engines, sentence: str) -> list[Clip]:
    begun, _ = (part.strip() for part in sentence.split("|"))
    whole = " ".join(sentence.replace("|", " ").split())
    clips = list[Clip]()
    for place, voice in enumerate(_two_voices(engines, whole)):
        full, fragment = await _say(engines, whole, voice), await _say(engines, f"{begun},", voice)
        name = f"s{SENTENCES.index(sentence):02d}_{voice}"
        clips.append(_keep(Clip(name, whole, "voice", 0.0, None, whole), full, full))
        at = await _find(engines, full, fragment.size, normal(begun).split()) if place == 0 else None
        paused = Clip(f"{name}_paused", whole, "voice, said" if at is None else "voice, cut", 0.0, 0.0, begun)
        clips.append(_keep(paused, fragment if at is None else full[:at], full))
    return clips


def _two_voices(engines: Engines, text: str) -> tuple[str, str]:
    voices = [voice.voice_id for voice in engines.synthesizer.voices]
    first, step = _hash(text) % len(voices), 1 + _hash(text + " ") % (len(voices) - 1)
    return voices[first], voices[(first + step) % len(voices)]


async def _say(engines: Engines, text: str, voice: str) -> Samples:
    parts = [part async for part in engines.synthesizer.stream(text, voice)]
    samples = np.frombuffer(resample(b"".join(parts), engines.synthesizer.rate, RATE), "<i2")
    return samples[: _ends_of_speech(samples)[-1]]


async def _find(engines: Engines, full: Samples, about: int, begun: list[str]) -> int | None:
    """Return where these words end in the whole; None where the recogniser does not read them up to any quiet place."""
    first, last = (max(0, about + sign * round(_NEAR * RATE)) for sign in (-1, 1))
    levels = np.convolve(_levels(full[first:last]), np.ones(3), "same")
    dips = np.flatnonzero((levels[1:-1] <= levels[:-2]) & (levels[1:-1] < levels[2:])) + 1
    for dip in sorted(dips, key=lambda dip: levels[dip])[:_TRIES]:
        at = first + _STEP * int(dip) + _STEP // 2
        if await _read(engines, full[:at]) == begun:
            return at
    return None


# -- audio ------------------------------------------------------------------------------------------


def _keep(clip: Clip, speech: Iterable[int], whole: Samples) -> Clip:
    """Write a clip: speech, faded out within 5 ms, then the noise of the room."""
    samples = np.array(speech, np.float64)[-round(_CONTEXT * RATE) :]
    samples[-_STEP // 2 :] *= np.linspace(1, 0, _STEP // 2)
    room = max(4.0, float(np.quantile(_levels(whole), 0.02)))
    noise = np.random.default_rng(_hash(clip.name)).normal(0, room, round(AFTER * RATE))
    pcm = np.clip(np.concatenate([samples, noise]), -32768, 32767).astype("<i2").tobytes()
    clip.path.write_bytes(wav_bytes(pcm, AudioFormat(RATE)))
    return replace(clip, ended=samples.size / RATE)


if __name__ == "__main__":
    found = kept_clips()
    for kind in sorted({clip.kind for clip in found}):
        ends = [clip for clip in found if clip.kind == kind and clip.pause is None]
        pauses = [clip for clip in found if clip.kind == kind and clip.pause is not None]
        print(f"{kind}: {len(ends)} ends, {len(pauses)} pauses")
