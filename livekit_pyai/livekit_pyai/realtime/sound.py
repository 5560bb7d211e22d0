"""The audio of one message on its way to LiveKit, which takes it about as fast as it plays.

Above: :mod:`.generation`. LiveKit's output accepts a frame when it has room for it (a room's holds 0.2 s), so what was
taken is nearly what was heard. What is not taken yet is forgotten at an interruption.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from math import inf

from livekit import rtc

from pyai_voice.audio import AudioFormat

from ..log import logger

__all__ = ["Sound"]

_FRAME = 0.04
"""Seconds of a frame at most."""
_MOST_WAITING = 300.0
"""Seconds that may wait; what comes then is dropped."""


class Sound(AsyncIterator[rtc.AudioFrame]):
    """One writer, one reader, one event loop. ``moved`` is called when more has been taken, or the end has come."""

    def __init__(self, moved: Callable[[], None]) -> None:
        self.received = 0.0
        """Seconds that have come."""
        self.taken = 0.0
        """Seconds that the output has accepted."""
        self._moved = moved
        self._waiting: deque[rtc.AudioFrame] = deque()
        self._offered = 0.0
        self.begun = False
        """Somebody listens."""
        self._ended = False
        self._changed = asyncio.Event()

    @property
    def position(self) -> float:
        """Seconds that were heard; endless where nobody listens, and when nothing more is to be heard."""
        return self.taken if self.begun and not self.drained else inf

    @property
    def drained(self) -> bool:
        """Whether everything has come, and has been taken or given up."""
        return self._ended and not self._waiting and not self._offered

    def put(self, pcm: bytes, rate: int) -> None:
        """Take whole samples."""
        if self.received - self.taken > _MOST_WAITING:
            logger.warning("More than %d s of the agent's audio were not played; more is dropped", _MOST_WAITING)
            return
        sound = AudioFormat(rate)
        self.received += sound.seconds(len(pcm))
        size = sound.size(_FRAME)
        for at in range(0, len(pcm), size):
            piece = pcm[at : at + size]
            self._waiting.append(rtc.AudioFrame(piece, rate, 1, len(piece) // 2))
        self._changed.set()

    def end(self) -> None:
        """No more will come."""
        self._ended = True
        self._changed.set()

    def cut(self) -> None:
        """Forget what was not taken, and end."""
        self._waiting.clear()
        self._offered = 0.0
        self.end()

    def __aiter__(self) -> AsyncIterator[rtc.AudioFrame]:
        return self

    async def __anext__(self) -> rtc.AudioFrame:
        """Return the next frame; that it is asked for says that the one before was accepted."""
        self.begun = True
        self._accept()
        while not self._waiting:
            if self._ended:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        frame = self._waiting.popleft()
        self._offered = frame.duration
        return frame

    def _accept(self) -> None:
        self.taken, self._offered = self.taken + self._offered, 0.0
        self._moved()
