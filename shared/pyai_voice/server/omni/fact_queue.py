"""Facts on their way to the framing: in order, bounded, and without what an interruption made void."""

from __future__ import annotations

import asyncio
from collections import deque

from .facts import AgentAudio, AgentWords, AudioPosition, Ended, Fact

__all__ = ["FactQueue"]

_MOST = 2_000


class FactQueue:
    """One reader. Speech is handed out in real time, so what fills the queue is a framing that does not read."""

    def __init__(self) -> None:
        self._facts: deque[Fact] = deque()
        self._news = asyncio.Event()
        self._ended = False

    def put(self, fact: Fact) -> None:
        """Take a fact; nothing after Ended. A queue that nobody reads ends."""
        if self._ended:
            return
        if len(self._facts) >= _MOST:
            self._facts.clear()
            fact = Ended("closed")
        self._facts.append(fact)
        self._ended = isinstance(fact, Ended)
        self._news.set()

    def drop(self, reply: str) -> None:
        """Forget the words and the sound of a reply that were not read yet."""
        spoken = AgentWords, AgentAudio, AudioPosition
        self._facts = deque(each for each in self._facts if not (isinstance(each, spoken) and each.reply == reply))

    async def take(self) -> Fact | None:
        """Return the next fact; None after Ended. Cancel-safe."""
        while not self._facts:
            if self._ended:
                return None
            self._news.clear()
            await self._news.wait()
        return self._facts.popleft()
