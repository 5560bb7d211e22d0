"""All engines of the local server, loaded once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from . import Recognizer, Synthesizer, VoiceDetector
from .end_of_turn import EndOfTurn
from .hibari import HibariSynthesizer
from .moonshine import Moonshine
from .silero import load_silero
from .smart_turn import SmartTurn, find_smart_turn
from .vocabulary import Vocabulary
from .workers import Workers

__all__ = ["Engines", "load_engines"]


@dataclass(frozen=True, slots=True)
class Engines:
    """What the server speaks and hears with; shared by all its streams."""

    recognizer: Recognizer
    synthesizer: Synthesizer
    new_detector: Callable[[], VoiceDetector]
    """Makes the voice detector of one stream."""
    pronounce: Callable[[str], str]
    """Text to phonemes."""
    workers: Workers
    end_of_turn: EndOfTurn = field(default_factory=EndOfTurn)
    """Judges whether a speaker has finished."""

    def vocabulary(self, terms: Iterable[str]) -> Vocabulary:
        """Return what corrects near misses to these terms (the first five count)."""
        return Vocabulary(terms, self.pronounce)

    async def aclose(self) -> None:
        """End the worker threads; safe to call twice."""
        await self.workers.aclose()


async def load_engines(
    progress: Callable[[str], None] = lambda _: None, *, speech_model: Path | None = None
) -> Engines:
    """Load everything off the event loop (about 1.5 s); ``progress`` is told what is being loaded, in its own thread.

    Raises ConfigurationError, naming the remedy, if an engine is not installed or its files are not the expected ones.
    """
    return await asyncio.to_thread(_load, progress, speech_model)


def _load(progress: Callable[[str], None], speech_model: Path | None) -> Engines:
    workers = Workers()
    progress("recogniser (Moonshine tiny)")
    recognizer = Moonshine(workers, speech_model)
    progress("voice detector (Silero)")
    new_detector = load_silero()
    progress("synthesiser (Hibari)")
    synthesizer = HibariSynthesizer(workers)
    end_of_turn = EndOfTurn(_second_voice(workers, progress))
    return Engines(recognizer, synthesizer, new_detector, synthesizer.pronounce, workers, end_of_turn)


def _second_voice(workers: Workers, progress: Callable[[str], None]) -> SmartTurn | None:
    path = find_smart_turn()
    if path is None:
        return None
    progress("end of turn (Smart Turn)")
    return SmartTurn(workers, path)
