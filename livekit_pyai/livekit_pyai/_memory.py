"""What one stream has heard lately: whose words had which passages, and whether Cue takes the last turn for finished.

Above: :mod:`.stream` writes, :mod:`.stt` reads. No I/O and no clock: the time is passed in. A message of the chat is
found by its words, not by when it was said: so passages never reach another turn, nor another caller, whatever
starts in between (a "mhm" while a tool runs, typed text, a second session of the same STT).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from pyai_voice.events import (
    Grounding,
    HearEvent,
    Passage,
    PredictionWithdrawn,
    SpeechStarted,
    Transcript,
    TurnEnded,
    TurnPredicted,
    Verdict,
)

__all__ = ["CANNOT_TELL", "TurnMemory", "words_of"]

CANNOT_TELL = 1.0
"""The probability that delays nobody."""
_REMEMBERED = 16
"""Utterances. A turn of LiveKit rarely has more than three."""


@dataclass(slots=True)
class _Utterance:
    name: str
    words: tuple[str, ...] = ()
    passages: tuple[Passage, ...] | None = None
    finished: float = 0.0
    """How likely its turn is over."""


class TurnMemory:
    """The last utterances of one stream. Call :meth:`note` with each event of Hear."""

    def __init__(self) -> None:
        self._utterances: deque[_Utterance] = deque(maxlen=_REMEMBERED)
        self._heard_at = 0.0

    @property
    def passages(self) -> tuple[Passage, ...] | None:
        """Those of the last utterance; None from its first word until they come, and where the service has none."""
        return self._utterances[-1].passages if self._utterances else None

    def note(self, event: HearEvent, now: float) -> None:
        """Take one event; ``now`` is any clock in seconds, the same as for :meth:`finished`."""
        self._heard_at = now
        match event:
            case SpeechStarted(utterance=name):
                self._of(name)
            case Grounding(utterance=name, passages=passages):
                self._of(name).passages = passages
            case TurnPredicted(utterance=name, text=text, confidence=confidence):
                self._of(name).words, self._of(name).finished = words_of(text), confidence
            case PredictionWithdrawn(utterance=name):
                self._of(name).finished = 0.0
            case Transcript(endpointed=True):
                self._of(event.utterance).words = words_of(event.text)
                self._of(event.utterance).finished = _decided(event.verdict)
            case TurnEnded():
                self._end(event)
            case _:
                pass

    def passages_of(self, message: str) -> tuple[Passage, ...] | None:
        """Return the passages for what a message of the user says; None where none of its words had any.

        A message is one utterance, or several in a row; words before them may have been added.
        """
        rest = words_of(message)
        found: list[tuple[Passage, ...]] = []
        matched = False
        for utterance in reversed(self._utterances):
            size = len(utterance.words)
            if size and rest[-size:] == utterance.words:
                rest, matched = rest[:-size], True
                found += [] if utterance.passages is None else [utterance.passages]
            elif matched and size:
                break
        return tuple(passage for passages in reversed(found) for passage in passages) if found else None

    def knows(self, message: str) -> bool:
        """Tell whether a message ends with what was said last here."""
        said = next((utterance.words for utterance in reversed(self._utterances) if utterance.words), ())
        return bool(said) and words_of(message)[-len(said) :] == said

    def finished(self, now: float, deadline: float) -> float:
        """Return how likely the caller has finished, 0 to 1: what Cue said of the newest utterance, 0.0 while it waits.

        ``CANNOT_TELL`` where nobody has spoken, where somebody else ended the utterance, or where it is open and
        nothing has come from the service for ``deadline`` seconds.
        """
        if not self._utterances:
            return CANNOT_TELL
        likely = self._utterances[-1].finished
        return CANNOT_TELL if not likely and now - self._heard_at > deadline else likely

    def _of(self, name: str) -> _Utterance:
        if not self._utterances or self._utterances[-1].name != name:
            self._utterances.append(_Utterance(name))
        return self._utterances[-1]

    def _end(self, ended: TurnEnded) -> None:
        utterance = self._of(ended.utterance)
        utterance.words = words_of(ended.text)
        utterance.finished = CANNOT_TELL if ended.committed else _decided(ended.verdict)


def _decided(verdict: Verdict | None) -> float:
    """Return how sure a decision is: where the service does not say, it is a decision."""
    return 1.0 if verdict is None else verdict.confidence


def words_of(text: str) -> tuple[str, ...]:
    """Return the words without case and punctuation: a preflight and its final differ in these."""
    return tuple(filter(None, map(_letters, text.casefold().split())))


def _letters(word: str) -> str:
    return "".join(filter(str.isalnum, word))
