"""One reply of the agent, or the part of it before or after a tool call, as LiveKit takes it.

Above: :mod:`.floor`. LiveKit plays a generation whose channels are open, runs its tools at once, and takes it as over
when they are closed. Of one that was cut nothing more is delivered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Literal

from livekit.agents import llm, utils

from .captions import Captions
from .sound import Sound

__all__ = ["Generation"]

_Modality = Literal["text", "audio"]


class _Words(AsyncIterator[str]):
    """The words of a message, each when its audio was taken."""

    def __init__(self) -> None:
        self.captions = Captions()
        self.sound = Sound(moved=self.wake)
        self.read = False
        """Somebody reads."""
        self._changed = asyncio.Event()
        self._ended = False

    def wake(self) -> None:
        self._changed.set()

    def end(self) -> None:
        self.captions.end(self.sound.received)
        self._ended = True
        self.wake()

    def cut(self) -> None:
        self.captions = Captions()
        self.end()

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        self.read = True
        while not (words := self.captions.due(self.sound.position)):
            if self._ended and self.captions.empty:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return words


class Generation:
    """Needs a running loop. Hand :attr:`event` to LiveKit."""

    def __init__(self, name: str, *, asked_at: float | None = None) -> None:
        self.name = name
        """Of the response and of its message."""
        self.began = time.time()
        """Unix time."""
        self.asked_at = asked_at
        """Unix time at which the agent's turn began."""
        self.sounded_at: float | None = None
        """Unix time of its first audio."""
        self.interrupted = False
        self.closed = False
        self._words = _Words()
        self._messages = utils.aio.Chan[llm.MessageGeneration]()
        self._calls = utils.aio.Chan[llm.FunctionCall]()
        self._has_message = False

    def event(self, *, requested: bool) -> llm.GenerationCreatedEvent:
        """Return what tells LiveKit of it; ``requested``: it answers ``generate_reply``."""
        return llm.GenerationCreatedEvent(self._messages, self._calls, requested, self.name)

    @property
    def text(self) -> str:
        """Its words so far, spoken or not."""
        return self._words.captions.text

    @property
    def playing(self) -> bool:
        """Whether LiveKit has something of it to play still, or waits for more."""
        sound = self._words.sound
        return self._has_message and not sound.drained and (sound.begun or not self._words.read)

    def audio(self, pcm: bytes, rate: int) -> None:
        """Take sound."""
        self.sounded_at = self.sounded_at or time.time()
        self._open_message()
        self._words.sound.put(pcm, rate)

    def say(self, segment: str, *, final: bool) -> None:
        """Take words: a segment as known now."""
        self._open_message()
        self._words.captions.say(segment, final, self._words.sound.received)
        self._words.wake()

    def call(self, call: llm.FunctionCall) -> None:
        """Take a tool call; it is run at once."""
        self._calls.send_nowait(call)

    def end(self) -> None:
        """Nothing more will come; idempotent."""
        if not self.closed:
            self.closed = True
            self._words.sound.end()
            self._words.end()
            self._calls.close()
            self._messages.close()

    def cut(self) -> None:
        """Deliver nothing more."""
        self.interrupted = True
        self._words.sound.cut()
        self._words.cut()
        self.end()

    def _open_message(self) -> None:
        if self._has_message:
            return
        self._has_message = True
        modalities: asyncio.Future[list[_Modality]] = asyncio.get_running_loop().create_future()
        modalities.set_result(["audio", "text"])
        self._messages.send_nowait(llm.MessageGeneration(self.name, self._words, self._words.sound, modalities))
