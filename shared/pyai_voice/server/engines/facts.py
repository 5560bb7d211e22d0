"""What a listener is told and what it tells: settings and facts, without a word of the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .words import TextOptions

__all__ = ["Endpoint", "Fact", "ListenerOptions", "Partial", "Reason"]

Reason = Literal["endpoint", "silence", "client_commit", "max_utterance", "eof"]
"""Why an utterance ended: ``endpoint`` because it was judged finished, ``silence`` because nobody spoke on for long."""


@dataclass(frozen=True, slots=True)
class ListenerOptions:
    """How to listen."""

    sample_rate: int = 16000
    """Samples a second of what is fed, 8000 to 48000."""
    endpointing: float | None = None
    """The least seconds of silence that end an utterance; None: as short as the judgement allows."""
    interim_results: bool = True
    """Whether partials are wanted."""
    max_utterance: float = 30.0
    """Seconds after which an utterance is ended while the speaker goes on."""
    text: TextOptions = TextOptions()
    """How finals are written."""
    recording: bool = False
    """Whether this is a file: its utterances end at every such silence, and what is heard live goes first."""


@dataclass(frozen=True, slots=True)
class Partial:
    """What the open utterance says so far: replaces the last one."""

    text: str
    """Never empty."""
    stable: str
    """The prefix of ``text`` that later partials of this utterance repeat; may be empty."""
    t_ms: int
    """Up to which position of the audio, in milliseconds."""
    reading: str
    """What was read this time: ``text`` without its memory, in which the words of ``stable`` may differ."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An utterance is over. Exactly one for each commit."""

    text: str
    """Its words; empty when nothing was said (after a commit, or where partials turned out to be noise)."""
    t_ms: int
    """Position of the audio at the decision, in milliseconds."""
    audio_ms: int
    """How long the speech lasted, without the silence around it, in milliseconds."""
    reason: Reason
    """Why it is over."""
    began_ms: int
    """Where the speech began, in milliseconds; it ended ``audio_ms`` later."""


Fact = Partial | Endpoint
"""Everything that a listener yields."""
