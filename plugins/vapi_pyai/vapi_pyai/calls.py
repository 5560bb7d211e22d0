"""What is known of a call whose transcriber is ours, for the other contracts of the same call. No I/O.

Above: :mod:`.transcriber`, which tells what Hear says; :mod:`.endpointing` and :mod:`.knowledge`, which ask.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from pyai_voice.events import (
    Connected,
    Disconnected,
    Grounding,
    HearEvent,
    Passage,
    PredictionWithdrawn,
    SpeechStarted,
    Transcript,
    TurnEnded,
    TurnPredicted,
)

__all__ = ["Call", "Calls", "Turn"]

Turn = Literal["unknown", "open", "predicted", "ended"]
"""How Cue sees the caller's turn; unknown before the first word and without a connection."""

_KEPT = 8
"""Utterances whose passages are kept."""
_TELLING = 12
"""Letters and digits from which on words may tell which call it is."""
_TOLD = 8
"""The last transcripts: a request is about one of them, not always about the last."""


@dataclass(slots=True)
class _Utterance:
    name: str
    letters: str = ""
    passages: tuple[Passage, ...] | None = None
    """None: not known yet."""


class Call:
    """One live call, as its customer's Hear stream tells it."""

    def __init__(self, identity: str = "") -> None:
        self.identity = identity
        """Vapi's id; "" where it has not said."""
        self.turn: Turn = "unknown"
        self._utterances: deque[_Utterance] = deque(maxlen=_KEPT)
        self._told: deque[str] = deque(maxlen=_TOLD)
        self._changed = asyncio.Event()

    def take(self, event: HearEvent) -> None:
        """Note what Hear tells."""
        match event:
            case SpeechStarted(utterance=name):
                self.turn = "open"
                self._utterance(name)
            case Transcript(utterance=name, text=text):
                self._utterance(name).letters = letters = _letters(text)
                self._told.append(letters)
                self.turn = "ended" if event.endpointed else "open" if self.turn == "unknown" else self.turn
            case Grounding(utterance=name, passages=passages):
                self._utterance(name).passages = passages
            case TurnPredicted():
                self.turn = "predicted"
            case PredictionWithdrawn():
                self.turn = "open"
            case TurnEnded(utterance=name, reason=reason):
                self.turn = "ended" if reason != "max_utterance" else "unknown"
                utterance = self._utterance(name)
                utterance.passages = utterance.passages or ()
            case Connected() | Disconnected():
                self.turn = "unknown"
            case _:
                return
        self._changed.set()
        self._changed = asyncio.Event()

    def said(self, text: str) -> bool:
        """Tell whether these words end with what was heard just now, and are enough to tell one call from another."""
        letters = _letters(text)
        return any(len(told) >= _TELLING and letters.endswith(told) for told in self._told)

    async def passages(self, text: str, budget: float) -> tuple[Passage, ...]:
        """Return the passages for the utterances whose words these are; wait for those of an open one."""
        try:
            async with asyncio.timeout(budget):
                while any(each.passages is None for each in self._within(text)):
                    await self._changed.wait()
        except TimeoutError:
            pass
        return tuple(passage for each in self._within(text) for passage in each.passages or ())

    def _within(self, text: str) -> list[_Utterance]:
        letters = _letters(text)
        return [each for each in self._utterances if each.letters and each.letters in letters]

    def _utterance(self, name: str) -> _Utterance:
        found = next((each for each in self._utterances if each.name == name), None)
        if found is None:
            found = _Utterance(name)
            self._utterances.append(found)
        return found


class Calls:
    """The live calls of this process."""

    def __init__(self) -> None:
        self._live: list[Call] = []

    @contextmanager
    def live(self, call: Call) -> Generator[None]:
        """Let a call be found while the block lasts."""
        self._live.append(call)
        try:
            yield
        finally:
            self._live.remove(call)

    def find(self, identity: str, text: str) -> Call | None:
        """Return the call with this id; else the only nameless one that has just said these words, which has it then.

        Vapi does not document that a transcriber is told the id, so the words of the request may have to tell it.
        """
        if not identity:
            return None
        named = next((call for call in reversed(self._live) if call.identity == identity), None)
        if named is not None:
            return named
        likely = [call for call in self._live if not call.identity and call.said(text)]
        if len(likely) != 1:
            return None
        likely[0].identity = identity
        return likely[0]


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))
