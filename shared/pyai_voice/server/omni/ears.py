"""How the agent hears: the words (Hear's listener), the first sound of a voice, and a guess that the caller is done.

Above: the conversation. Below: the engines. Positions are seconds of the caller's audio.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from ...eager import TurnPredictor
from ...events import Connected, HearEvent, Transcript, TurnPredicted
from ...options import CueOptions
from ..engines.facts import Endpoint, Fact, ListenerOptions, Partial
from ..engines.listener import Listener
from ..engines.load import Engines
from ..engines.words import TextOptions
from .voice_watch import Sensitivity, VoiceWatch

__all__ = ["Ears", "Finished", "Guess", "Heard", "NoVoice", "Said", "VoiceBegan"]

_NEVER = 3600.0
"""Seconds of silence that end an utterance where only the client ends one."""
_NOISE = 1.6
"""Seconds of quiet without a word after which a voice was none."""


@dataclass(frozen=True, slots=True)
class VoiceBegan:
    """Somebody begins to speak."""

    at: float


@dataclass(frozen=True, slots=True)
class NoVoice:
    """What began was no speech."""

    at: float


@dataclass(frozen=True, slots=True)
class Said:
    """What the open utterance says so far."""

    text: str
    stable: str
    reading: str
    at: float


@dataclass(frozen=True, slots=True)
class Guess:
    """The caller has probably finished; None: has not, after all."""

    text: str | None


@dataclass(frozen=True, slots=True)
class Finished:
    """An utterance is over."""

    text: str
    began: float
    ended: float
    reason: str


Heard = VoiceBegan | NoVoice | Said | Guess | Finished


class Ears:
    """Hears one caller. Must be made inside a running event loop."""

    def __init__(
        self,
        engines: Engines,
        rate: int,
        endpointing: float | None,
        *,
        found: bool = True,
        terms: tuple[str, ...] = (),
    ) -> None:
        """``found`` says whether ends of turns are found, by this silence; ``terms`` are words to listen for."""
        endpointing = endpointing if found else _NEVER
        options = ListenerOptions(rate, endpointing, text=TextOptions(vocabulary=engines.vocabulary(terms)))
        self._listener = Listener(engines.recognizer, engines.new_detector(), options, engines.end_of_turn)
        self._watch = VoiceWatch(engines.new_detector(), rate)
        self._predictor = TurnPredictor(CueOptions(eager=True))
        self._predictor.take(Connected(1, 0.0, 0.0))
        self._vocabulary = engines.vocabulary
        self._terms = terms
        self._number = 0
        self._open = False
        self._worded = False

    @property
    def position(self) -> float:
        """How much was heard."""
        return self._watch.position

    @property
    def speaking(self) -> bool:
        """Whether the caller speaks at this moment."""
        return self._watch.speaking

    @property
    def quiet(self) -> float:
        """Seconds of audio since the caller spoke."""
        return self._watch.quiet

    def adjust(self, sensitivity: Sensitivity) -> None:
        """Be that easily interrupted."""
        self._watch.sensitivity = sensitivity

    async def set_turns(self, found: bool, endpointing: float | None) -> None:
        """Find ends of turns by this silence, or none."""
        await self._listener.set_endpointing(endpointing if found else _NEVER)

    async def listen_for(self, terms: tuple[str, ...]) -> None:
        """Listen for these words from now on."""
        if terms != self._terms:
            self._terms = terms
            await self._listener.set_vocabulary(self._vocabulary(terms))

    async def feed(self, pcm: bytes) -> list[Heard]:
        """Hear more; return what is known at once."""
        heard: list[Heard] = []
        if self._watch.feed(pcm) and not self._open:
            self._open = True
            heard.append(VoiceBegan(self._watch.began))
        if self._open and not self._worded and self._listener.position - self._watch.voiced_to >= _NOISE:
            self._close()
            heard.append(NoVoice(self._watch.voiced_to))
        heard += self._guess(self._predictor.hear(self._watch.position, self._watch.voiced_to))
        await self._listener.feed(pcm)
        return heard

    async def commit(self) -> None:
        """End the utterance: one Finished with reason ``client_commit`` follows."""
        await self._listener.commit()

    async def aclose(self) -> None:
        """Stop hearing."""
        await self._listener.aclose()

    async def __aiter__(self) -> AsyncIterator[Heard]:
        """Yield what is known later; raise what the engines raise."""
        async for fact in self._listener:
            for each in self._understand(fact):
                yield each

    def _understand(self, fact: Fact) -> list[Heard]:
        if isinstance(fact, Partial):
            return self._partial(fact)
        began, ended = fact.began_ms / 1000, (fact.began_ms + fact.audio_ms) / 1000
        heard: list[Heard] = []
        if not self._open and fact.text:
            heard.append(VoiceBegan(began))
        heard.append(self._finished(fact, began, ended))
        if fact.reason == "max_utterance":
            self._worded = False  # the utterance goes on, perhaps without another word
        elif self._watch.began > ended:  # while the end was being judged, the caller began to speak again
            self._open, self._worded = True, False
            heard.append(VoiceBegan(self._watch.began))
        else:
            self._close()
        return heard

    def _finished(self, fact: Endpoint, began: float, ended: float) -> Finished:
        self._predictor.take(Transcript(fact.text, str(self._number), True))
        self._number += 1
        return Finished(fact.text, began, ended, fact.reason)

    def _partial(self, fact: Partial) -> list[Heard]:
        heard: list[Heard] = []
        if not self._open:
            heard.append(VoiceBegan(max(0.0, fact.t_ms / 1000 - 0.3)))
        self._open = self._worded = True
        words = Transcript(fact.text, str(self._number), stable=fact.stable, end=fact.t_ms / 1000)
        told = self._predictor.take(words)
        return [*heard, *self._guess(told), Said(fact.text, fact.stable, fact.reading, words.end)]

    def _close(self) -> None:
        self._open = self._worded = False

    def _guess(self, events: list[HearEvent]) -> list[Heard]:
        return [Guess(event.text if isinstance(event, TurnPredicted) else None) for event in events]
