"""The audio that may have to be sent again, and the commits among it. No I/O, no clock.

The journal is the send queue as well: :meth:`Journal.next` moves a cursor, :meth:`Journal.rewind` puts it back for a
new connection, and :meth:`Journal.confirm` lets go of what a final transcript has covered. Positions are bytes
since the stream began.

    start ------------- cursor ------------- end
      sent, unconfirmed        not yet sent
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from .audio import AudioFormat

__all__ = ["Journal", "Mark"]


@dataclass(slots=True, eq=False)
class Mark:
    """A commit: everything before ``position`` is to be finalised."""

    position: int
    sent: bool = False


class Journal:
    """Bounded memory of one stream's audio (drop-oldest)."""

    def __init__(self, audio_format: AudioFormat, seconds: float) -> None:
        self.format = audio_format
        self.start = 0
        self.cursor = 0
        self.end = 0
        """Where the next byte will be."""
        self.marks: deque[Mark] = deque()
        """Commits that are not answered yet, oldest first."""
        self._confirmed = 0
        self._reached = 0
        self._capacity = audio_format.size(seconds)
        self._audio = bytearray()

    @property
    def unsent(self) -> int:
        """How many bytes wait to be sent."""
        return self.end - self.cursor

    @property
    def sent_seconds(self) -> float:
        """The cursor, in seconds of the stream."""
        return self.format.seconds(self.cursor)

    def append(self, pcm: bytes) -> int:
        """Take audio in; return how many bytes were dropped that the current connection never got."""
        self._audio += pcm
        self.end += len(pcm)
        oldest = self.end - self._capacity
        return self._drop(oldest) if oldest > self.start else 0

    def mark(self) -> bool:
        """Note a commit here; False where no audio followed the last commit or final, so none is due."""
        last = self.marks[-1].position if self.marks else self._confirmed
        if self.end <= last:
            return False
        self.marks.append(Mark(self.end))
        return True

    def next(self, most: int) -> bytes | Mark | None:
        """Return what to send next: at most so many bytes, or a commit whose turn has come, or None."""
        due = next((mark for mark in self.marks if not mark.sent), None) if self.marks else None
        if due is not None and due.position <= self.cursor:
            due.sent = True
            return due
        stop = min(self.end, self.cursor + most, due.position if due else self.end)
        if stop <= self.cursor:
            return None
        piece = bytes(memoryview(self._audio)[self.cursor - self.start : stop - self.start])
        self.cursor = stop
        self._reached = max(self._reached, stop)
        return piece

    def answered(self) -> None:
        """Forget the oldest commit: its answer has come."""
        if self.marks and self.marks[0].sent:
            self.marks.popleft()

    def confirm(self, position: int) -> None:
        """Let go of the audio before ``position``: it is in a final transcript (never more than was ever sent)."""
        self._confirmed = max(self._confirmed, min(position, self._reached))
        self._drop(self._confirmed)

    def forget_sent(self, keep: int) -> None:
        """Let go of sent audio except the last ``keep`` bytes: nothing was said in it."""
        self._drop(min(self.cursor, self.end - keep))

    def rewind(self) -> int:
        """Prepare for a new connection; return how many commits have no audio left and count as answered."""
        self.cursor = self.start
        for mark in self.marks:
            mark.sent = False
        empty = 0
        while self.marks and self.marks[0].position <= self.start:
            self.marks.popleft()
            empty += 1
        return empty

    def tail(self, size: int) -> bytes:
        """Return the last ``size`` bytes that were sent, as far as they are still here."""
        cursor = self.cursor - self.start
        return bytes(memoryview(self._audio)[max(0, cursor - size) : cursor])

    def _drop(self, position: int) -> int:
        """Move the start to ``position``; return how many unsent bytes that cost."""
        if position <= self.start:
            return 0
        del self._audio[: position - self.start]
        self.start = position
        lost = max(0, position - self.cursor)
        self.cursor += lost
        return lost
