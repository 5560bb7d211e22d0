"""Whether the speaker has finished, and how long to wait for more: the words, and how they sound.

Above: the listener. Below: the rule for words and, where one is installed, a second voice that only listens.
"""

from __future__ import annotations

from . import TurnVoice
from .words import is_finished
from .workers import EngineBusyError

__all__ = ["LONGEST_SILENCE", "EndOfTurn"]

LONGEST_SILENCE = 1.0
"""Seconds of silence that end any utterance, unless the caller asked for more."""
_PATIENCE = ((0.5, 0.0), (0.0, LONGEST_SILENCE))
"""How many seconds of silence to wait for, by the least likelihood that the speaker has finished."""
_FINISHED, _UNFINISHED = 0.9, 0.1
"""How likely the speaker is done, by the words alone."""


class EndOfTurn:
    """Judges pauses. One instance serves every stream.

    ::

        sound = await judge.listen(pcm)             # off the event loop, while the words are being read
        seconds = judge.patience(text, sound)       # of silence to wait for
    """

    def __init__(self, voice: TurnVoice | None = None) -> None:
        self._voice = voice

    async def listen(self, pcm: bytes) -> float | None:
        """Return how finished an utterance sounds, 0 to 1; None where nobody can tell (now)."""
        if self._voice is None:
            return None
        try:
            return await self._voice.finished(pcm)
        except EngineBusyError:
            return None

    def likelihood(self, text: str, sound: float | None = None) -> float:
        """Return how likely the speaker has finished, 0 to 1."""
        words = _FINISHED if is_finished(text) else _UNFINISHED
        return words if sound is None else words * sound

    def patience(self, text: str, sound: float | None = None) -> float:
        """Return how many seconds of silence show that the speaker has finished; at most ``LONGEST_SILENCE``."""
        likelihood = self.likelihood(text, sound)
        return next(seconds for least, seconds in _PATIENCE if likelihood >= least)
