"""One connection's life of an Omni stream: what comes is heard at once, what goes out has its slot every 20 ms.

Above: :mod:`pyai_voice.omni`, which dials and decides what an ending means. Below: the link, the machine and the slots.
Here is the clock; the machine is asked in every slot what is due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from . import loop
from .audio import peak
from .backoff import Outage
from .errors import PyAIError, ServiceError, StalledError
from .events import Problem
from .link import Link, Message
from .omni_events import CallerTranscript, OmniEvent, ReplyStarted
from .options import LinkOptions
from .protocol.omni.client import OmniClient
from .protocol.omni.wire import audio_message
from .slots import SLOT, CallerSlots

__all__ = ["OmniCall"]

_LEAST_APART = 0.75 * SLOT
"""Seconds between two slots at least: what is late is made up for little by little, never by a burst ..."""
_LATEST = 0.5
"""... and what is later than so many seconds is given up."""
_HEALTHY = 5.0
"""Seconds after which a connection that was announced ends an outage."""
_LOUD = 2000
"""Sample value (of 32767) that is speech rather than noise of the line."""
_LOUD_SLOTS = 100
"""Loud slots without any answer that make a connection suspect."""


class OmniCall:
    """Everything that happens on one link. ``deliver`` takes events at once and never waits."""

    def __init__(
        self,
        link: Link,
        machine: OmniClient,
        slots: CallerSlots,
        options: LinkOptions,
        outage: Outage,
        deliver: Callable[[list[OmniEvent]], None],
    ) -> None:
        self.closing = False
        """Set it to say goodbye and end."""
        self._link = link
        self._machine = machine
        self._slots = slots
        self._options = options
        self._outage = outage
        self._deliver = deliver
        self._opened_at = self._heard_at = loop.now()
        self._unanswered = 0
        self._last: OmniEvent | None = None
        self._talked = False

    async def run(self) -> PyAIError | None:
        """Converse until it ends; return why, None where the call is over. Leaves no task behind."""
        error = await loop.until_first(
            self._link.listen(self._hear), self._produce()
        )  # the listener's has the close code
        failure = self._machine.failure or error
        if isinstance(failure, StalledError):
            self._link.abort()
        return self._explained(failure)

    def _explained(self, failure: PyAIError | None) -> PyAIError | None:
        if failure is None or self._machine.ended or failure.code == "1000":
            return None
        said = self._last.error if isinstance(self._last, Problem) else None
        if isinstance(said, ServiceError) and not said.retryable and not self._talked:
            return said  # the service said why, and closed before there was any conversation
        return failure

    def _hear(self, message: Message) -> bool:
        self._heard_at, self._unanswered = loop.now(), 0
        self._tell(self._machine.receive(message, self._heard_at))
        return not (self._machine.ended or self._machine.failure)

    def _tell(self, events: list[OmniEvent]) -> None:
        if events:
            self._last = events[-1]
            self._talked = self._talked or any(isinstance(each, CallerTranscript | ReplyStarted) for each in events)
        self._deliver(events)

    async def _produce(self) -> None:
        due = loop.now()
        while not self._machine.failure:
            for message in self._machine.data_to_send():
                await self._link.send(message)
            if self.closing:
                return
            await self._send_slot()
            self._tell(self._machine.tick(loop.now()))
            self._check(now := loop.now())
            due = max(due + SLOT, now - _LATEST)
            await asyncio.sleep(max(_LEAST_APART, due - now))

    async def _send_slot(self) -> None:
        pcm = self._slots.next()
        self._unanswered += peak(pcm) > _LOUD
        await self._link.send(audio_message(pcm))

    def _check(self, now: float) -> None:
        if self._machine.output_rate and now - self._opened_at > _HEALTHY:
            self._outage.over()
        if self._machine.replying:
            self._heard_at, self._unanswered = now, 0
        if self._unanswered > _LOUD_SLOTS and now - self._heard_at > self._options.silence_from_server:
            raise StalledError(f"Speech was sent for {self._options.silence_from_server:g} s and nothing came back")
