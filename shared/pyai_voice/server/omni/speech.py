"""From thoughts to sound, ahead of the time when it is heard: the next sentence is made while the former is played.

Above: the delivery. Below: the voice. One speech is one answer of the brain (or a fixed text); it may be prepared
before anybody knows whether it will be needed, and outlives an interruption that was none.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Self

from ...audio import AudioFormat, Resampler
from ..engines import Synthesizer
from .facts import Fact
from .spoken import Piece, Sound, Words
from .stage import Stage
from .turn import Turn

__all__ = ["Speech", "Voice", "recite"]

_SLICE = 0.1
"""Seconds of sound that are handed out at once."""
_SENTENCES, _PIECES = 4, 40
"""That may be ready before they are needed: four sentences of text, four seconds of sound."""


@dataclass(frozen=True, slots=True)
class Voice:
    """How the agent sounds."""

    synthesizer: Synthesizer
    voice_id: str
    rate: int
    """Samples a second of what is handed out."""
    speed: float = 1.0
    silent: bool = False
    """Words only."""

    @classmethod
    def of(
        cls, synthesizer: Synthesizer, name: str | None, rate: int, speed: float = 1.0, *, silent: bool = False
    ) -> Self:
        """Return the voice with this id or alias, or the default one; the speed is brought into the engine's bounds."""
        slowest, fastest = synthesizer.speeds
        found = synthesizer.find(name or "") or synthesizer.voices[0]
        return cls(synthesizer, found.voice_id, rate, min(fastest, max(slowest, speed)), silent)

    async def speak(self, text: str) -> AsyncGenerator[Sound]:
        """Yield a sentence in slices. Raises EngineBusyError."""
        target, resampler = AudioFormat(self.rate), Resampler(self.synthesizer.rate, self.rate)
        rest = bytearray()
        async with aclosing(self._stream(text)) as chunks:
            async for chunk in chunks:
                rest += resampler.feed(chunk)
                while len(rest) >= target.size(_SLICE):
                    yield _sound(rest, target.size(_SLICE), target)
        rest += resampler.feed(b"", last=True)
        while rest:
            yield _sound(rest, target.size(_SLICE), target)

    async def _stream(self, text: str) -> AsyncGenerator[bytes]:
        if not self.silent:
            async for chunk in self.synthesizer.stream(text.strip(), self.voice_id, self.speed):
                yield chunk


async def recite(text: str, turn: Turn) -> AsyncGenerator[str | Fact]:
    """Yield a fixed text in the place of thoughts."""
    turn.entry.text = text
    yield text


def _sound(buffer: bytearray, size: int, audio_format: AudioFormat) -> Sound:
    pcm = bytes(buffer[:size])
    del buffer[:size]
    return Sound(pcm, audio_format.seconds(len(pcm)))


class Speech:
    """Prepares one answer; :meth:`take` gives it piece by piece, facts (a search, a failure) at their place."""

    def __init__(self, thoughts: AsyncGenerator[str | Fact], voice: Voice, turn: Turn) -> None:
        self.turn = turn
        self._voice = voice
        self._thoughts = Stage(thoughts, _SENTENCES)
        self._pieces = Stage(self._voiced(), _PIECES)
        self._first: list[Piece | Fact] = []

    async def take(self) -> Piece | Fact | None:
        """Return the next piece; None at the end. Raises what the brain or the voice raised."""
        return self._first.pop(0) if self._first else await self._pieces.take()

    def give_back(self, pieces: list[Piece]) -> None:
        """Have these taken again, before all others."""
        self._first = [*pieces, *self._first]

    @property
    def done(self) -> bool:
        """Whether nothing of it runs any more."""
        return self._thoughts.done and self._pieces.done

    def stop(self) -> None:
        """Stop thinking and speaking soon."""
        self._thoughts.stop()
        self._pieces.stop()

    async def aclose(self) -> None:
        """Stop, and wait for it."""
        await self._thoughts.aclose()
        await self._pieces.aclose()

    async def _voiced(self) -> AsyncGenerator[Piece | Fact]:
        while (thought := await self._thoughts.take()) is not None:
            if not isinstance(thought, str):
                yield thought
                continue
            words = Words(thought)
            yield words
            async with aclosing(self._voice.speak(thought)) as sounds:
                async for sound in sounds:
                    words.seconds += sound.seconds
                    yield sound
            words.whole = True
