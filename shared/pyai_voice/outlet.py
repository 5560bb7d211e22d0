"""The events of a stream on their way to whoever reads them: in order, each once, and bounded."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from .errors import ConfigurationError

__all__ = ["Outlet", "events_not_read"]

E = TypeVar("E")

_RESERVE = 20
"""Room beyond the bound for what must be told."""


class Outlet(Generic[E]):
    """One writer, one reader, one event loop. Holds events that weigh ``most`` together; each weighs 1, or as given."""

    def __init__(self, most: int, weigh: Callable[[E], int] = lambda _: 1) -> None:
        self._most = most
        self._weigh = weigh
        self._weight = 0
        self._events: deque[E] = deque()
        self._changed = asyncio.Event()
        self._ended = False

    def put(self, event: E, *, must: bool = False) -> bool:
        """Take an event; False where too much waits. What ``must`` be told has a little room more.

        After the end nothing is told, and nobody is to mind.
        """
        if self._ended:
            return True
        if self._weight >= self._most + _RESERVE * must:
            return False
        self._events.append(event)
        self._weight += self._weigh(event)
        self._changed.set()
        return True

    def take_back(self, *kinds: type[E]) -> None:
        """Forget the events of some kinds that were not read yet."""
        self._events = deque(each for each in self._events if not isinstance(each, kinds))
        self._weight = sum(map(self._weigh, self._events))

    def end(self) -> None:
        """Let the reader come to an end after what waits."""
        self._ended = True
        self._changed.set()

    async def get(self) -> E | None:
        """Return the next event, None at the end, also when called again. Cancel-safe."""
        while not self._events:
            if self._ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        event = self._events.popleft()
        self._weight -= self._weigh(event)
        return event


def events_not_read() -> ConfigurationError:
    """Return the error that ends a stream whose reader does not read."""
    return ConfigurationError("The events of this stream are not being read", code="events_not_read")
