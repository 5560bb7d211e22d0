"""What the local server needs from an engine: small protocols; the real ones are its siblings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from .vocabulary import Vocabulary

__all__ = ["Priority", "Recognition", "Recognizer", "Synthesizer", "TurnVoice", "Voice", "VoiceDetector"]


class Priority(IntEnum):
    """What goes first when the workers are busy."""

    FINAL = 0
    SPEECH = 1
    PARTIAL = 2
    RECORDING = 3
    """A whole file: nobody hears it now. Never takes the last free worker."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """What a recogniser made of a piece of audio."""

    text: str
    """With the recogniser's own case and punctuation; may be empty."""
    log_probability: float
    """Mean over the tokens, at most 0.0; below about -0.6 it is invention."""


class Recognizer(Protocol):
    """Turns speech into words."""

    name: str
    rate: int
    """Samples a second it wants (pcm16 mono)."""
    languages: frozenset[str]
    """ISO 639-1 codes it knows."""
    longest: float
    """Seconds of audio it reads at once; longer audio is cut at quiet points and read piece by piece."""

    async def recognize(self, pcm: bytes, priority: Priority, vocabulary: Vocabulary | None = None) -> Recognition:
        """Return the words of one piece of audio; runs off the event loop, cancel-safe.

        What sounds like a term of the vocabulary is written as that term. Raises EngineBusyError when too
        much work is waiting.
        """
        ...


class VoiceDetector(Protocol):
    """Tells speech from other sound; one instance for each stream, because it has a state."""

    rate: int
    frame: int
    """Samples it takes at once."""

    def probability(self, pcm: bytes) -> float:
        """Return how likely this frame is speech, 0 to 1 (about 0.1 ms)."""
        ...


class TurnVoice(Protocol):
    """Tells by the sound whether somebody has finished speaking."""

    rate: int
    """Samples a second it wants (pcm16 mono)."""

    async def finished(self, pcm: bytes) -> float:
        """Return how finished an utterance sounds, 0 to 1, from its start to a pause of 0.1 s or more.

        Runs off the event loop, cancel-safe. Raises EngineBusyError when too much work is waiting.
        """
        ...


@dataclass(frozen=True, slots=True)
class Voice:
    """One voice of the catalogue."""

    voice_id: str
    name: str
    gender: str
    """F or M, as in PyAI's catalogue."""
    language: str
    bio: str
    """What it is, honestly: the one real voice, or a variant of it."""
    aliases: tuple[str, ...] = ()
    """Other ids that mean this voice, such as OpenAI's names."""


class Synthesizer(Protocol):
    """Turns words into speech."""

    name: str
    rate: int
    """Samples a second it makes (pcm16 mono)."""
    voices: tuple[Voice, ...]
    """The first is the default."""
    speeds: tuple[float, float]
    """Slowest and fastest that it can speak; 1.0 is its natural pace."""

    def find(self, voice_id: str) -> Voice | None:
        """Return the voice with this id or alias; the default for an empty id; None for an unknown one."""
        ...

    def stream(self, text: str, voice_id: str = "", speed: float = 1.0) -> AsyncIterator[bytes]:
        """Yield PCM, sentence by sentence; runs off the event loop, cancel-safe.

        Yields nothing for text without a speakable word. Raises ValueError for an unknown voice or a
        speed out of range (before any audio), EngineBusyError when too much work is waiting.
        """
        ...
