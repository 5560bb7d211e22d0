"""The sentences on their way to be heard: in order, each with its own request, a bounded number at a time.

Above: :mod:`pipecat_pyai.tts`. No network here: who fetches a sentence's audio puts it in with :meth:`Sentence.add`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from pipecat.frames.frames import Frame

from pyai_voice.errors import PyAIError

__all__ = ["Line", "Sentence"]


class Sentence:
    """One text, its audio as it comes, and the frames that belong behind that audio."""

    def __init__(self, text: str, context_id: str) -> None:
        self.text = text
        self.context_id = context_id
        self.fetching: asyncio.Task[None] | None = None
        self.ttfb: tuple[float, float] | None = None
        """When its request began and when its first audio came, Unix time."""
        self.error: PyAIError | None = None
        """Why its audio is not whole."""
        self.spoken = False
        """Whether all of its audio came."""
        self.behind: deque[Any] = deque()
        """Frames to follow the audio; None ends the audio context."""
        self.dropped = False
        self._audio: asyncio.Queue[bytes | None] = asyncio.Queue()  # as long as one sentence, as the base class's own

    def add(self, pcm: bytes) -> None:
        """Take the next audio."""
        self._audio.put_nowait(pcm)

    def end(self) -> None:
        """No more audio will come."""
        self._audio.put_nowait(None)

    def drop(self) -> None:
        """Forget it: the caller interrupted. Its request ends at once."""
        self.dropped = True
        self.behind.clear()
        if self.fetching:
            self.fetching.cancel()
        self.end()

    async def audio(self) -> AsyncIterator[bytes]:
        """Yield the audio as it comes."""
        while (pcm := await self._audio.get()) is not None and not self.dropped:
            yield pcm


class Line:
    """First in, first out, at most ``places`` sentences from :meth:`place` to :meth:`leave`."""

    def __init__(self, places: int) -> None:
        self._places = asyncio.Semaphore(places)
        self._waiting: asyncio.Queue[Sentence] = asyncio.Queue()
        self.sentences: deque[Sentence] = deque()

    async def place(self) -> None:
        """Wait until there is a place for one more; it must be taken with :meth:`join`."""
        await self._places.acquire()

    def join(self, sentence: Sentence) -> None:
        """Take the place."""
        self.sentences.append(sentence)
        self._waiting.put_nowait(sentence)

    async def next(self) -> Sentence:
        """Wait for the next sentence whose turn it is to be heard."""
        return await self._waiting.get()

    def leave(self, sentence: Sentence) -> None:
        """Make its place free."""
        self.sentences.remove(sentence)
        self._places.release()

    def put_behind(self, frame: Frame | Any, context_id: str | None = None) -> bool:
        """Put a frame behind the last sentence (of a context); False where there is none."""
        for sentence in reversed(self.sentences):
            if not sentence.dropped and context_id in (None, sentence.context_id):
                sentence.behind.append(frame)
                return True
        return False

    def drop(self, context_id: str) -> None:
        """Drop the sentences of a context."""
        for sentence in self.sentences:
            if sentence.context_id == context_id:
                sentence.drop()
