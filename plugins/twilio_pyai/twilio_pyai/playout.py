"""What the caller is about to hear: the order, the pace and the taking back. A machine: no I/O, no clock.

Twilio plays what it is sent in order, from a buffer of any size, and sends a mark back when it has played what came
before it. So that an interruption takes back what was not heard, Twilio gets sound only ``lead`` seconds ahead:

    say ---> words and tones that wait --next, 20 ms at a time--> Twilio's buffer --> the caller
    interrupt: words that wait are dropped, and Twilio is told to drop its own (``Clear``)

Touch tones are sent when the words before them have been heard, and are never taken back: half a number dials wrongly.
Hold music comes after all that waits, and goes at once for whatever is said next.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

from .wire import FRAME, RATE

__all__ = ["Clear", "Mark", "Piece", "Playout", "Step"]

SLOT = FRAME / RATE
"""Seconds."""
_SILENCE = b"\xff"
_NEARLY_DRY = 0.04
"""Seconds of sound at Twilio's below which less than a slot is filled up and sent."""
_FRAMES_A_MARK = 10
_MOST_MARKS = 10
"""Marks on their way: two seconds of sound that Twilio has not played, though it should have."""
_LONGEST = 300 * RATE
"""Bytes that may wait."""

Kind = Literal["words", "tones", "music"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Send this sound: 20 ms of mu-law."""

    coded: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """Send a mark with this name."""

    name: str


@dataclass(frozen=True, slots=True)
class Clear:
    """Let Twilio drop what it has not played."""


Step = Piece | Mark | Clear


@dataclass(slots=True)
class _Waiting:
    kind: Kind
    coded: bytearray


class Playout:
    """Every ``now`` is in seconds of one clock that never runs back."""

    def __init__(self, lead: float = 0.2, patience: float = 2.0) -> None:
        """``patience``: seconds after which a mark that does not come back is given up."""
        self._lead = lead
        self._patience = patience
        self._waiting: deque[_Waiting] = deque()
        self._kind: Kind = "words"
        self._clear = False
        self._held = False
        self._ends_at = 0.0
        self._unmarked = 0
        self._marks: dict[str, float] = {}
        self._count = 0

    @property
    def held(self) -> bool:
        """Whether nothing is sent for now."""
        return self._held

    def hold(self) -> None:
        """Send nothing until :meth:`release`."""
        self._held = True

    def release(self) -> None:
        """Send what waits, and what comes."""
        self._held = False

    def say(self, coded: bytes, kind: Kind = "words") -> bool:
        """Take sound (mu-law, any size) to be heard after what waits; tell whether there was room for it.

        Music that is on ends: at once for words and tones, without a gap for other music.
        """
        if kind == "music":
            self._drop("music")
        else:
            self.end_music()
        if sum(len(each.coded) for each in self._waiting) + len(coded) > _LONGEST:
            return False
        if not self._waiting or self._waiting[-1].kind != kind:
            self._waiting.append(_Waiting(kind, bytearray()))
        self._waiting[-1].coded += coded
        return True

    def interrupt(self) -> None:
        """Take back the words and the music that were not heard; tones stay."""
        self._drop("words", "music")
        if self._kind != "tones" or not self._sounding:
            self._take_back()

    def end_music(self) -> None:
        """Take back the music, and nothing else."""
        self._drop("music")
        if self._kind == "music" and self._sounding:
            self._take_back()

    def played(self, name: str) -> None:
        """Take a mark that came back; one that is not expected says nothing."""
        if name in self._marks:
            names = list(self._marks)
            for each in names[: names.index(name) + 1]:
                del self._marks[each]

    def next(self, now: float) -> Step | None:
        """Return what is to be sent now; None where nothing is due."""
        if self._clear:
            self._clear = False
            return Clear()
        self._forget(now)
        first = self._waiting[0] if self._waiting and not self._held else None
        if self._unmarked and (self._unmarked >= _FRAMES_A_MARK or first is None or first.kind != self._kind):
            return self._mark()
        if first is None or len(self._marks) >= _MOST_MARKS or (first.kind != self._kind and self._sounding):
            return None
        return self._piece(first, now)

    def busy(self, now: float) -> bool:
        """Tell whether something is to be sent, or was not heard yet."""
        self._forget(now)
        return bool(self._clear or self._sounding or (self._waiting and not self._held))

    @property
    def seconds(self) -> float:
        """How long what waits here lasts."""
        return sum(len(each.coded) for each in self._waiting) / RATE

    @property
    def _sounding(self) -> bool:
        return bool(self._marks or self._unmarked)

    def _drop(self, *kinds: Kind) -> None:
        self._waiting = deque(each for each in self._waiting if each.kind not in kinds)

    def _take_back(self) -> None:
        """Let Twilio drop what it has."""
        self._clear = True
        self._marks.clear()
        self._unmarked, self._ends_at = 0, 0.0

    def _piece(self, first: _Waiting, now: float) -> Piece | None:
        ahead = self._ends_at - now
        if ahead > self._lead or (len(first.coded) < FRAME and len(self._waiting) == 1 and ahead > _NEARLY_DRY):
            return None
        coded = bytes(first.coded[:FRAME]).ljust(FRAME, _SILENCE)
        del first.coded[:FRAME]
        if not first.coded:
            self._waiting.popleft()
        self._kind = first.kind
        self._ends_at = max(self._ends_at, now) + SLOT
        self._unmarked += 1
        return Piece(coded)

    def _mark(self) -> Mark:
        self._count += 1
        self._unmarked = 0
        self._marks[f"pyai-{self._count}"] = self._ends_at
        return Mark(f"pyai-{self._count}")

    def _forget(self, now: float) -> None:
        for name in [each for each, due in self._marks.items() if due + self._patience < now]:
            del self._marks[name]
