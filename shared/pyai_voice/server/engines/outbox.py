"""What a listener has to tell and nobody has taken yet: bounded, partial results give way."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

__all__ = ["Outbox"]

Fact = TypeVar("Fact")


class Outbox(Generic[Fact]):
    """A queue of facts that ends; one consumer."""

    def __init__(self, room: int = 64) -> None:
        self._room = room
        self._facts: deque[tuple[Fact, bool]] = deque()
        self._news = asyncio.Event()
        self._taken = asyncio.Event()
        self._ended = False

    def offer(self, fact: Fact) -> None:
        """Add a fact that a newer one may replace: it takes the place of an untaken one of its kind."""
        if self._facts and self._facts[-1][1]:
            self._facts.pop()
        if len(self._facts) < self._room:
            self._facts.append((fact, True))
        self._news.set()

    async def put(self, fact: Fact) -> None:
        """Add a fact that must arrive; waits for room."""
        while len(self._facts) >= self._room and not self._ended:
            self._taken.clear()
            await self._taken.wait()
        self._facts.append((fact, False))
        self._news.set()

    def end(self) -> None:
        """Say that nothing comes any more; what is there can still be taken."""
        self._ended = True
        self._news.set()
        self._taken.set()

    async def take(self) -> Fact | None:
        """Return the next fact; None after the end. Cancelling loses nothing."""
        while not self._facts:
            if self._ended:
                return None
            self._news.clear()
            await self._news.wait()
        self._taken.set()
        return self._facts.popleft()[0]
