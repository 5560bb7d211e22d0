"""How much of a reply was heard: what was handed out, and how much time it had to be played. Time is passed in."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

__all__ = ["Playback", "Piece", "Sound", "SpokenText", "Words"]


@dataclass(slots=True)
class Words:
    """A sentence; its sound follows."""

    text: str
    seconds: float = 0.0
    """Of its sound, as far as it is made."""
    whole: bool = False
    """All of it is made."""

    @property
    def length(self) -> float:
        """Seconds that its sound takes, estimated while it is being made."""
        return self.seconds if self.whole else max(self.seconds, len(self.text) / _PACE)


@dataclass(frozen=True, slots=True)
class Sound:
    """Speech, at most 0.1 s."""

    pcm: bytes
    seconds: float


Piece = Words | Sound

_PACE = 14.0
"""Characters a second of English speech."""
_KEPT = 4.0
"""Seconds of the latest sound that are kept, to be played again after an interruption that was none."""


class Playback:
    """The clock of a loudspeaker that plays what it gets at once and without a gap. ``now`` is in seconds."""

    def __init__(self) -> None:
        self._until = 0.0

    def hand_out(self, seconds: float, now: float) -> None:
        """Note sound."""
        self._until = max(self._until, now) + seconds

    def ahead(self, now: float) -> float:
        """Return how many seconds are handed out and not played."""
        return max(0.0, self._until - now)

    def stop(self, now: float) -> None:
        """Forget what is not played."""
        self._until = min(self._until, now)


@dataclass(frozen=True, slots=True)
class _Sentence:
    words: Words
    start: float


class SpokenText:
    """The words of one reply beside their sound."""

    def __init__(self) -> None:
        self.seconds = 0.0
        """Of sound so far."""
        self._sentences: list[_Sentence] = []
        self._kept: deque[tuple[float, Piece]] = deque()

    @property
    def text(self) -> str:
        """All words so far."""
        return "".join(sentence.words.text for sentence in self._sentences)

    def add(self, piece: Piece) -> None:
        """Note what was handed out."""
        self._kept.append((self.seconds, piece))
        if isinstance(piece, Words):
            self._sentences.append(_Sentence(piece, self.seconds))
            return
        self.seconds += piece.seconds
        while self._kept and self._kept[0][0] < self.seconds - _KEPT:
            self._kept.popleft()

    def heard(self, seconds: float) -> str:
        """Return the words up to a position of the sound; of a sentence in the middle whole words, by its length."""
        return "".join(_part(sentence, seconds) for sentence in self._sentences)

    def rest(self, seconds: float) -> list[Piece]:
        """Return what was handed out from a position on; the sentence in the middle with its remaining words."""
        pieces: list[Piece] = []
        begun = next((each for each in reversed(self._sentences) if each.start < seconds), None)
        if begun is not None and (left := begun.words.text[len(_part(begun, seconds)) :]):
            remaining = max(0.0, begun.start + begun.words.length - seconds)
            pieces.append(Words(left, remaining, whole=True))
        later = ((start, piece) for start, piece in self._kept if start >= seconds - 1e-6)
        return [*pieces, *(piece for _, piece in later)]


def _part(sentence: _Sentence, seconds: float) -> str:
    text, length, passed = sentence.words.text, sentence.words.length, seconds - sentence.start
    if passed >= length - 1e-6:
        return text if length or passed > 1e-6 else ""
    if passed <= 0:
        return ""
    cut = text[: round(len(text) * passed / length) + 1].rfind(" ")
    return text[: max(cut, 0)]
