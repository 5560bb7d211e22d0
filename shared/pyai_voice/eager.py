"""Eager end of turn: a guess that the caller has finished, while the service still waits for silence. No I/O, no clock.

Above: :mod:`pyai_voice.hear`. Time is the audio's own, in seconds of the stream.

Two things are known before the service decides: the words so far, and how long the caller has been quiet. From the
words comes how likely a turn ends there at all; each moment of silence makes it likelier, because most pauses inside
a turn are over by then. With pauses of mean length ``_PAUSE`` that is, by Bayes' rule, for a silence of ``quiet``:

    odds of the end = prior odds of these words * exp(quiet / _PAUSE)

The numbers come from that reasoning, not from recordings. Where the service has a verdict, the greater of both counts,
less by how likely the words were only a sign of listening.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

from .events import (
    Connected,
    Disconnected,
    HearEvent,
    PredictionWithdrawn,
    Transcript,
    TurnEnded,
    TurnPredicted,
    Verdict,
)
from .options import CueOptions
from .words import has_more_to_say, is_finished, same_words

__all__ = ["TurnPredictor"]

_PAUSE = 0.4
"""Mean seconds of a pause inside a turn."""
_FINISHED, _OPEN, _UNFINISHED = 0.5, 0.25, 0.05
"""How likely a turn ends at the first quiet moment after a whole sentence, after words that can be one, and after
words that want another."""
_LONG = 10.0
"""Seconds of silence beyond which more of it says nothing more."""
_LEAST = 0.1
"""Seconds of silence without which nothing is predicted: the gaps inside words are shorter."""
_SETTLED, _BEHIND = 0.4, 0.5
"""Seconds of silence after which the words are taken for all that was said, although the last that was heard of them
is older than the end of the sound, by so many seconds at most."""


@dataclass(frozen=True, slots=True)
class _Prediction:
    utterance: str
    text: str
    loud_to: float


class TurnPredictor:
    """Predicts the end of one turn after the other; each prediction is resolved before there is another."""

    def __init__(self, options: CueOptions) -> None:
        self.options = options
        self._connected = False
        self._words: Transcript | None = None
        self._prediction: _Prediction | None = None

    def take(self, event: HearEvent) -> list[HearEvent]:
        """Note what the stream tells; return what is to be told before it."""
        match event:
            case Transcript(final=False):
                self._words = event
                return self._withdraw_for_words(event)
            case Transcript() | TurnEnded():
                self._words = self._prediction = None
            case Connected():
                self._connected = True
                self._words = None  # the new connection will say them again
            case Disconnected():
                self._connected = False
            case _:
                pass
        return []

    def hear(self, position: float, loud_to: float) -> list[HearEvent]:
        """Take the caller's audio up to ``position``, whose last sound ended at ``loud_to``; return what to tell."""
        if self._prediction is not None:
            gone_on = loud_to > self._prediction.loud_to or not self.options.eager
            return self._withdraw(self._prediction) if gone_on else []
        words = self._words
        if words is None or not self._connected or not self.options.eager:
            return []
        quiet = position - loud_to
        if not _covers(words, loud_to, quiet):
            return []
        confidence = _confidence(words, quiet)
        if confidence < self.options.eager_threshold:
            return []
        self._prediction = _Prediction(words.utterance, words.text, loud_to)
        return [TurnPredicted(words.utterance, words.text, confidence)]

    def _withdraw_for_words(self, words: Transcript) -> list[HearEvent]:
        prediction = self._prediction
        if prediction is None or words.endpointed or same_words(words.text, prediction.text):
            return []  # the final of one that is endpointed follows at once
        return self._withdraw(prediction)

    def _withdraw(self, prediction: _Prediction) -> list[HearEvent]:
        self._prediction = None
        return [PredictionWithdrawn(prediction.utterance)]


def _covers(words: Transcript, loud_to: float, quiet: float) -> bool:
    """Tell whether the words are all that was said."""
    if quiet < _LEAST:
        return False
    return words.endpointed or words.end >= loud_to or (quiet >= _SETTLED and words.end >= loud_to - _BEHIND)


def _confidence(words: Transcript, quiet: float) -> float:
    odds = _prior_odds(words.text) * exp(min(quiet, _LONG) / _PAUSE)
    ours = odds / (1 + odds)
    if not words.endpointed:
        return ours
    verdict = words.verdict or Verdict(1.0)
    return max(ours, verdict.confidence) * (1 - verdict.backchannel)


def _prior_odds(text: str) -> float:
    prior = _UNFINISHED if has_more_to_say(text) else _FINISHED if is_finished(text) else _OPEN
    return prior / (1 - prior)
