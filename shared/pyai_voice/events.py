"""What the service tells us: one frozen dataclass per fact, the same words on every host.

Times are seconds on the stream's own clock: 0.0 is the first audio byte that the caller of
``send_audio`` gave, and the clock goes on through reconnects and replays.
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import PyAIError

__all__ = [
    "AudioLost",
    "ConfigAcknowledged",
    "Connected",
    "Disconnected",
    "Grounding",
    "HearEvent",
    "Passage",
    "PredictionWithdrawn",
    "Problem",
    "SpeechStarted",
    "Transcript",
    "TurnEnded",
    "TurnPredicted",
    "Usage",
    "Verdict",
]


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller began to speak. Comes once before the first words of an utterance."""

    utterance: str
    """Which utterance begins; the same word as in its transcripts."""
    at: float
    """Estimated onset, in seconds."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What Cue thinks of the end of a turn, where the service says so (the older wire's ``turn.end``)."""

    confidence: float
    """How sure it is that the caller has finished, 0 to 1."""
    backchannel: float = 0.0
    """How likely it was only a sign of listening ("mhm"), 0 to 1."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words of one utterance as known now: replaces every earlier one of that utterance."""

    text: str
    """Never empty."""
    utterance: str
    """Which utterance; stable through reconnects."""
    final: bool = False
    """Definitive: comes exactly once per utterance."""
    endpointed: bool = False
    """The server has decided that the utterance is over; its final follows."""
    committed: bool = False
    """This final answers our own commit, not the server's endpointing."""
    stable: str = ""
    """The prefix of ``text`` that will not change any more."""
    start: float = 0.0
    """Where the speech begins, in seconds (estimated)."""
    end: float = 0.0
    """Where the speech ends, in seconds: for a final the end of the words, not of the silence waited."""
    language: str | None = None
    """ISO 639-1 code where the server says so, else the one that was asked for."""
    verdict: Verdict | None = None
    """Of one that is endpointed: what Cue thinks of it; None where the service does not say."""


@dataclass(frozen=True, slots=True)
class TurnPredicted:
    """The caller has probably finished; the service has not decided yet. Only with ``CueOptions.eager``.

    It is resolved exactly once, by what comes first of: :class:`PredictionWithdrawn`; the utterance's final transcript,
    whose words may differ (compare them: there is no withdrawal then); its :class:`TurnEnded` without words. Until
    then there is no other prediction of the utterance, and after its final there is none.
    """

    utterance: str
    """Which utterance."""
    text: str
    """Its words as known now; never empty."""
    confidence: float
    """How sure, 0 to 1; at least ``CueOptions.eager_threshold``."""


@dataclass(frozen=True, slots=True)
class PredictionWithdrawn:
    """The caller went on, or the words changed in more than case and punctuation: forget the :class:`TurnPredicted`.

    Another may follow, once the caller is quiet again.
    """

    utterance: str
    """Which utterance."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One passage of the knowledge base."""

    content: str
    """Its text."""
    score: float
    """How well it fits; higher is better."""


@dataclass(frozen=True, slots=True)
class Grounding:
    """The passages that answer an utterance. Comes before the utterance's final transcript."""

    passages: tuple[Passage, ...]
    """At most three; empty when nothing was found in time."""
    utterance: str
    """Which utterance they belong to."""


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """An utterance is over. Comes once for each, after its final transcript, if it had words."""

    utterance: str
    """Which utterance ended."""
    reason: str
    """Why: ``client_commit``, ``endpoint``, ``silence``, ``max_utterance`` ...; ``deadline`` and ``watchdog`` are our
    own, see :class:`~pyai_voice.options.TurnPolicy` (an open set)."""
    at: float
    """The audio position up to which everything has been heard, in seconds: that of the last words where the turn was
    ended here, since what followed them is sent again."""
    committed: bool = False
    """It answers our own commit."""
    text: str = ""
    """The words of the final transcript; empty when nothing was said."""
    verdict: Verdict | None = None
    """What Cue thinks of it; None where the service does not say."""


@dataclass(frozen=True, slots=True)
class ConfigAcknowledged:
    """The server has taken our settings."""

    endpointing_ms: int | None = None
    """How much trailing silence the server waits for, in milliseconds (as on the wire)."""
    warnings: tuple[str, ...] = ()
    """What the server could not do as asked."""
    session_id: str | None = None
    """The server's name for this connection."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the server has counted so far."""

    audio_seconds: float
    """Billed audio in seconds."""


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection is open, configured and taking audio."""

    connection: int
    """Its number: 1 for the first of the stream."""
    took: float
    """Seconds from the dial to now."""
    replayed: float
    """Seconds of audio that are being sent again on it."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection was lost; the stream is dialling again and keeps the audio meanwhile."""

    error: PyAIError
    """Why."""


@dataclass(frozen=True, slots=True)
class AudioLost:
    """The journal was full: the oldest audio had to go. Comes once for each outage."""

    seconds: float
    """How much, in seconds."""


@dataclass(frozen=True, slots=True)
class Problem:
    """The server complained, and the stream goes on."""

    error: PyAIError
    """What it said."""


HearEvent = (
    SpeechStarted
    | Transcript
    | TurnPredicted
    | PredictionWithdrawn
    | Grounding
    | TurnEnded
    | ConfigAcknowledged
    | Usage
    | Connected
    | Disconnected
    | AudioLost
    | Problem
)
"""Everything that a Hear stream yields."""
