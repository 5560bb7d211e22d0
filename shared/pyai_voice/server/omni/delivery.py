"""Hands out one reply: its turn begins, words go before their sound, and the sound stays a little ahead of real time.

Above: the conversation. Below: a speech, the queue of facts, the clock of what is played.
"""

from __future__ import annotations

import asyncio

from ...errors import PyAIError
from .fact_queue import FactQueue
from .facts import AgentAudio, AgentWords, AudioPosition, Fact, Trouble, TurnBegan, TurnEnded
from .speech import Speech
from .spoken import Piece, Playback, Sound, SpokenText, Words

__all__ = ["Delivery"]

_POSITION_EVERY = 0.5
"""Seconds of sound."""


class Delivery:
    """One reply from TurnBegan to TurnEnded, in a task of its own."""

    def __init__(self, speech: Speech, number: int, facts: FactQueue, playback: Playback, ahead: float) -> None:
        self.speech = speech
        self.number = number
        self.name = f"reply_{number}"
        self.spoken = SpokenText()
        self.began = False
        """Whether it was told to begin."""
        self.over = False
        """Whether everything was handed out."""
        self._facts = facts
        self._playback = playback
        self._ahead = ahead
        self._in_hand: Sound | None = None
        self._sounded_at = 0.0
        self._told_to = 0.0

    async def run(self) -> None:
        """Hand everything out; a failure of the brain or the voice is told, and ends the reply."""
        self.speech.turn.reply = self.name
        self.speech.turn.begin = self.begin
        self.speech.turn.released.set()
        try:
            while (piece := await self.speech.take()) is not None:
                self.begin()
                await self._hand_out(piece)
        except PyAIError as error:
            self._facts.put(Trouble(error.code or "internal_error", error.message))
        self.begin()
        self.over = True
        turn = self.speech.turn
        for control in turn.controls:
            self._facts.put(control)
        self._facts.put(TurnEnded(self.name, self.spoken.text, self.spoken.seconds, turn.tools))

    def begin(self) -> None:
        """Tell that the turn begins, once."""
        if self.began:
            return
        self.began = True
        turn = self.speech.turn
        waited = None if turn.waited_from is None else max(0.0, _now() - turn.waited_from)
        self._facts.put(TurnBegan(self.name, self.number, turn.trigger, waited))

    def heard(self) -> float:
        """Return how many seconds of it have been played."""
        return max(0.0, self.spoken.seconds - self._playback.ahead(_now()))

    def rest(self, heard: float) -> list[Piece]:
        """Return what was handed out and not heard, and what was about to be."""
        return [*self.spoken.rest(heard), *([self._in_hand] if self._in_hand else [])]

    async def _hand_out(self, piece: Piece | Fact) -> None:
        match piece:
            case Words(text):
                self.spoken.add(piece)
                self._facts.put(AgentWords(self.name, text))
            case Sound():
                self._in_hand = piece
                await self._wait()
                self._in_hand = None
                self._play(piece)
            case _:
                self._facts.put(piece)

    async def _wait(self) -> None:
        """Wait until the sound is not too far ahead, so that an interruption loses little."""
        early = self._playback.ahead(_now()) - self._ahead
        if early > 0:
            await asyncio.sleep(early)

    def _play(self, sound: Sound) -> None:
        now = _now()
        self._sounded_at = self._sounded_at or now
        self.spoken.add(sound)
        self._playback.hand_out(sound.seconds, now)
        self._facts.put(AgentAudio(self.name, sound.pcm))
        if self.spoken.seconds - self._told_to >= _POSITION_EVERY:
            self._told_to = self.spoken.seconds
            self._facts.put(AudioPosition(self.name, self.spoken.seconds, now - self._sounded_at))


def _now() -> float:
    return asyncio.get_running_loop().time()
