"""The events of an Omni stream on their way to whoever reads them: bounded, and cleared by an interruption."""

from __future__ import annotations

import asyncio
from collections import deque

from .errors import ConfigurationError
from .omni_events import Interrupted, OmniEvent, ReplyAudio, ReplyText

__all__ = ["Outlet"]

_MOST_EVENTS = 4_000
_MOST_AUDIO = 16_000_000
"""Bytes: five minutes at 24000."""


class Outlet:
    """One writer, one reader, one event loop."""

    def __init__(self) -> None:
        self._events: deque[OmniEvent] = deque()
        self._audio = 0
        self._changed = asyncio.Event()
        self._ended = False

    def put(self, event: OmniEvent) -> None:
        """Take an event; an interruption takes away the sound and words of the agent that were not read yet.

        Raises ConfigurationError if nobody reads.
        """
        if isinstance(event, Interrupted):
            self._events = deque(each for each in self._events if not isinstance(each, ReplyAudio | ReplyText))
            self._audio = 0
        if isinstance(event, ReplyAudio):
            self._audio += len(event.pcm)
        if len(self._events) >= _MOST_EVENTS or self._audio > _MOST_AUDIO:
            raise ConfigurationError("The events of this Omni stream are not being read", code="events_not_read")
        self._events.append(event)
        self._changed.set()

    def end(self, last: OmniEvent | None) -> None:
        """Let the reader come to an end after what waits and a last event; without effect when called again."""
        if not self._ended and last is not None:
            self._events.append(last)
        self._ended = True
        self._changed.set()

    async def get(self) -> OmniEvent | None:
        """Return the next event, None at the end, also when called again. Cancel-safe."""
        while not self._events:
            if self._ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        event = self._events.popleft()
        if isinstance(event, ReplyAudio):
            self._audio -= len(event.pcm)
        return event
