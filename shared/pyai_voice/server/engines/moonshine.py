"""Recogniser for Hear: Moonshine tiny, English, 44 MB, about 50 times faster than real time on one core."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...errors import ConfigurationError
from . import Priority, Recognition
from .moonshine_model import FILES, MoonshineModel
from .quiet import quietest
from .vocabulary import Vocabulary
from .workers import Job, Workers

__all__ = ["Moonshine", "find_moonshine", "split_at_quiet"]

_PACKAGE, _VERSION = "moonshine_voice", "0.1.0"
_SHA256 = {
    "encoder_model.ort": "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
    "decoder_model_merged.ort": "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
    "tokenizer.bin": "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
}
_REMEDY = f"Install it again: pip install --force-reinstall --no-deps moonshine-voice=={_VERSION}"

_RATE = 16000
_LONGEST = 20.0
_EARLIEST_CUT = 12.0
"""Seconds into a long recording from which the quietest point is looked for."""


def find_moonshine() -> Path:
    """Return the folder of the weights inside the package moonshine-voice, which is not imported.

    Raises ConfigurationError, naming the remedy, if the package is missing or a file is not the expected one.
    """
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ConfigurationError(
            "The speech recogniser's weights are missing",
            code="engine_missing",
            hint="pip install 'pyai-voice[server]'",
        )
    folder = Path(spec.origin).parent / "assets" / "tiny-en"
    for name in FILES:
        if _digest(folder / name) != _SHA256[name]:
            raise ConfigurationError(
                f"{name} of moonshine-voice is not that of {_VERSION}", code="engine_damaged", hint=_REMEDY
            )
    return folder


def _digest(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Moonshine:
    """A :class:`~pyai_voice.server.engines.Recognizer`. One instance serves every stream."""

    name = "moonshine-tiny-en"
    rate = _RATE
    languages = frozenset({"en"})
    longest = _LONGEST

    def __init__(self, workers: Workers, folder: Path | None = None) -> None:
        """Load the weights of the package, or of another Moonshine folder (0.4 s).

        Raises ConfigurationError if they are not there.
        """
        self._workers = workers
        self._model = MoonshineModel(_checked(folder) if folder else find_moonshine())

    async def recognize(self, pcm: bytes, priority: Priority, vocabulary: Vocabulary | None = None) -> Recognition:
        """Return the words of pcm16 mono at 16 kHz; longer than 20 s is cut at quiet points and joined."""
        return await self._workers.run(priority, lambda job: self._recognize(pcm, vocabulary, job))

    def _recognize(self, pcm: bytes, vocabulary: Vocabulary | None, job: Job) -> Recognition:
        parts = [self._model.decode(_samples(part), vocabulary, lambda: job.cancelled) for part in split_at_quiet(pcm)]
        tokens = max(1, sum(part.tokens for part in parts))
        score = sum(part.score for part in parts) / tokens
        return Recognition(" ".join(part.text for part in parts if part.text), score)


def _samples(pcm: bytes) -> npt.NDArray[np.float32]:
    return np.divide(np.frombuffer(pcm, "<i2"), 32768, dtype=np.float32)


def _checked(folder: Path) -> Path:
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise ConfigurationError(
            f"{folder} is not a Moonshine folder: {', '.join(missing)} missing",
            code="engine_missing",
            hint=f"It must hold {', '.join(FILES)}",
        )
    return folder


def split_at_quiet(pcm: bytes) -> list[bytes]:
    """Cut pcm16 at 16 kHz into pieces of at most 20 s, each at the quietest point of its last 8 s."""
    earliest, longest = (2 * round(seconds * _RATE) for seconds in (_EARLIEST_CUT, _LONGEST))
    pieces = list[bytes]()
    while len(pcm) > longest:
        cut = earliest + 2 * quietest(pcm[earliest:longest], _RATE)
        pieces.append(pcm[:cut])
        pcm = pcm[cut:]
    return [*pieces, pcm] if pcm else pieces
