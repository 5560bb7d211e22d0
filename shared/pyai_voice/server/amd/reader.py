"""Has what is said read while it is said: seldom enough to be cheap, soon enough to decide.

Above: :mod:`.detector`. Below: the recogniser. Readings run off the event loop, one at a time for each call.
"""

from __future__ import annotations

import asyncio

from ..engines import Priority, Recognition, Recognizer
from ..engines.workers import EngineBusyError
from .phrases import Evidence, find_evidence
from .speech import Speech

__all__ = ["Reader"]

_FIRST, _EVERY = 0.5, 0.4
"""Seconds of speech before the first reading of what is said, and between two."""
_MORE_EACH = 0.1
"""Seconds more between two readings for each second that is said: long speech takes longer to read."""
_PAUSE = 0.2
"""Seconds of silence after which what was said is read to its end."""
_BEFORE, _AFTER = 0.4, 0.2
"""Seconds around speech that are read with it: the voice detector needs a moment to be sure."""
_LEAST_PROBABLE = -1.0
"""Mean log-probability below which a text is invented."""


class Reader:
    """One call. Feed it all sound; ask :meth:`look` every 20 ms; read :attr:`evidence`."""

    def __init__(self, recognizer: Recognizer) -> None:
        self.evidence = Evidence()
        """What is understood so far."""
        self._recognizer = recognizer
        self._sound = bytearray()
        self._before = ""
        self._text = ""
        self._said_from = 0.0
        self._read_to = 0.0
        self._task: asyncio.Task[Recognition] | None = None

    def feed(self, pcm: bytes) -> None:
        """Take the call's sound at the recogniser's rate; it is kept until the call is decided."""
        self._sound += pcm

    def look(self, speech: Speech) -> None:
        """Take in a reading that is done; begin one that is due. Raises what the recogniser raises."""
        if self._task is not None:
            if not self._task.done():
                return
            self._take(self._task)
        if self._is_due(speech):
            self._begin(speech)

    def reading(self, speech: Speech) -> bool:
        """Whether the latest words are still to be read."""
        return self._read_to < speech.until or (self._task is not None and not self._task.done())

    async def settle(self) -> None:
        """Wait for the reading that has begun, so that what is decided does not depend on how fast it is."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def aclose(self) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _is_due(self, speech: Speech) -> bool:
        if speech.began is None or speech.until <= self._read_to:
            return False
        if speech.silence >= _PAUSE:
            return True
        fresh = speech.until - max(self._read_to, speech.said_from)
        first = self._read_to <= speech.said_from
        return fresh >= (_FIRST if first else _EVERY + _MORE_EACH * speech.latest)

    def _begin(self, speech: Speech) -> None:
        if speech.said_from > self._said_from:
            self._said_from, self._before, self._text = speech.said_from, f"{self._before} {self._text}".strip(), ""
        self._read_to = speech.until
        end = speech.until + (_AFTER if speech.silence >= _PAUSE else 0.0)
        pcm = bytes(self._sound[self._place(self._said_from - _BEFORE) : self._place(end)])
        self._task = asyncio.create_task(
            self._read(pcm, Priority.FINAL if speech.silence >= _PAUSE else Priority.PARTIAL)
        )

    async def _read(self, pcm: bytes, priority: Priority) -> Recognition:
        try:
            return await self._recognizer.recognize(
                pcm[-2 * round(self._recognizer.longest * self._recognizer.rate) :], priority
            )
        except EngineBusyError:
            return Recognition("", 0.0)

    def _take(self, task: asyncio.Task[Recognition]) -> None:
        self._task = None
        recognition = task.result()
        if recognition.log_probability >= _LEAST_PROBABLE and recognition.text:
            self._text = recognition.text
            self.evidence = find_evidence(f"{self._before} {self._text}")

    def _place(self, at: float) -> int:
        return 2 * max(0, round(at * self._recognizer.rate))
