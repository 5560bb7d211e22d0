"""One connection's life of a Hear stream: a reader, a writer and a guard over one link.

Above: :mod:`pyai_voice.hear`, which dials, replays and decides what an ending means. Below: the link, the machine and
the journal. Here is the clock: everything that is given up because it takes too long is given up in :class:`_Guard`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from . import loop
from .audio import loud_seconds
from .backoff import Outage
from .errors import Category, ConnectivityError, PyAIError, StalledError
from .events import HearEvent, Problem, Transcript, TurnEnded
from .journal import Journal, Mark
from .link import Link, Message
from .options import LinkOptions
from .protocol.hear.client import HearClient

__all__ = ["Conversation", "Wishes"]

_LARGEST = 0.1
"""Seconds of audio in a message, at most."""
_BACKLOG = 0.25
"""Seconds of unsent audio from which on it is a backlog, sent at ``_REPLAY_SPEED``."""
_REPLAY_SPEED = 8.0
_TICK = 0.5
_LOUD = 2.0
"""Seconds of loud audio, unanswered, that make a connection suspect."""
_IDLE_KEPT = 5.0
"""Seconds of sent audio that are kept for a replay while nobody speaks."""
_HEALTHY = 5.0
"""Seconds after which a connection that says something ends an outage, even if nobody spoke."""
_FINAL_DUE = 1.0
"""Seconds between ``speech_final`` and its ``final``, before it is promoted."""
_FATAL = frozenset({Category.AUTHENTICATION, Category.PERMISSION, Category.BILLING})


@dataclass(slots=True)
class Wishes:
    """What the stream wants of whatever connection it has, and what it remembers from one to the next."""

    wake: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there is something to send."""
    finished: bool = False
    """Everything that was committed is answered: close."""
    redial: bool = False
    """New options need a new connection, as soon as nobody speaks."""
    question: str = ""
    """Ask for the final transcript once everything is sent, because the open turn is overdue: the reason."""
    unanswered: bool = False
    """The oldest commit has already cost one connection."""
    suspect: bool = False
    """The last connection was given up because loud audio got no answer: it may just be noise."""


class Conversation:
    """Everything that happens on one link. ``deliver`` takes each event at once and never waits."""

    def __init__(
        self,
        link: Link,
        machine: HearClient,
        journal: Journal,
        options: LinkOptions,
        wishes: Wishes,
        outage: Outage,
        deliver: Callable[[HearEvent], None],
    ) -> None:
        self._link = link
        self._machine = machine
        self._journal = journal
        self._options = options
        self._wishes = wishes
        self._outage = outage
        self._deliver = deliver
        self._largest, self._backlog = self._size(_LARGEST), self._size(_BACKLOG)
        self._idle = False
        self._free_at = 0.0
        self._opened_at = self._heard_at = loop.now()
        self._heard_any = False
        self._asked_at: float | None = None
        self._endpointed_at: float | None = None
        self._last: HearEvent | None = None
        self._abandoned: asyncio.Future[PyAIError] = asyncio.get_running_loop().create_future()

    def abandon(self, error: PyAIError) -> None:
        """End this conversation: its open utterance was ended without it, and what it still says would repeat that."""
        self._machine.hang_up()
        if not self._abandoned.done():
            self._abandoned.set_result(error)

    async def run(self) -> PyAIError | None:
        """Converse until it ends; return why, None where the stream is finished. Leaves no task behind."""
        error = await loop.until_first(
            self._link.listen(self._hear), self._write(), self._guard()
        )  # who has the close code
        return self._explain(error) if error else None

    def _explain(self, error: PyAIError) -> PyAIError:
        if isinstance(error, StalledError):
            self._link.abort()
        if isinstance(self._last, Problem) and self._last.error.category is Category.REQUEST:
            return self._last.error  # the server said why before it closed
        if isinstance(self._last, TurnEnded) and error.category is Category.SERVER:
            return ConnectivityError("The server closed the connection after a final transcript", code="1011")
        return error

    def _hear(self, message: Message) -> bool:
        self._heard_at, self._heard_any = loop.now(), True
        for event in self._machine.receive(message, self._journal.sent_seconds):
            self._take(event)
        self._wishes.wake.set()  # the machine may have an answer to send
        return not self._wishes.finished

    def _take(self, event: HearEvent) -> None:
        self._last = event
        match event:
            case Problem(error=error) if error.retryable or error.category in _FATAL:
                raise error
            case Transcript(final=final, endpointed=endpointed):
                self._outage.over()
                self._wishes.suspect = False
                self._endpointed_at = loop.now() if endpointed and not final else None
            case TurnEnded(committed=committed):
                self._outage.over()
                if committed:
                    self._wishes.unanswered = False
                    self._asked_at = loop.now() if self._machine.commits else None
            case _:
                pass
        self._deliver(event)

    def send_waiting(self) -> bool:
        """Send the waiting audio now, in one message; False where that is the writer's work: wake it."""
        size, now = self._journal.unsent, loop.now()
        idle = self._idle and not self._wishes.wake.is_set() and self._link.ready
        if not idle or size > self._largest or now < self._free_at:
            return False
        self._free_at = now + self._journal.format.seconds(size) / _REPLAY_SPEED
        piece = self._journal.next(size)
        if isinstance(piece, bytes):
            self._link.send_now(piece)
        return True

    async def _write(self) -> None:
        while True:
            for message in self._machine.data_to_send():
                await self._link.send(message)
            backlog = self._journal.unsent > self._backlog
            match item := self._journal.next(self._largest):
                case None if self._wishes.question:
                    self._machine.commit(self._wishes.question)
                    self._wishes.question = ""
                case None:
                    await self._rest()
                case Mark():
                    self._machine.commit()
                    self._asked_at = self._asked_at or loop.now()
                case _:
                    await self._link.send(item)
                    if backlog:
                        await asyncio.sleep(self._journal.format.seconds(len(item)) / _REPLAY_SPEED)

    async def _rest(self) -> None:
        self._wishes.wake.clear()
        self._idle = True
        await self._wishes.wake.wait()
        self._idle = False

    def _size(self, seconds: float) -> int:
        return self._journal.format.size(seconds)

    async def _guard(self) -> None:
        while not self._wishes.finished:
            await asyncio.wait([self._abandoned], timeout=_TICK)
            if self._abandoned.done():
                raise self._abandoned.result()
            self._check_connection(loop.now())
            self._check_answers(loop.now())
            if not (self._machine.speaking or self._journal.marks):
                self._journal.forget_sent(self._size(_IDLE_KEPT))

    def _check_connection(self, now: float) -> None:
        quiet = now - self._heard_at
        if not self._heard_any and quiet > self._options.open_timeout:
            raise StalledError("Connected, but the server says nothing", hint="Is base_url a PyAI server?")
        if self._heard_any and now - self._opened_at > _HEALTHY:
            self._outage.over()
        if self._wishes.redial and not self._machine.speaking and not self._journal.marks:
            raise ConnectivityError("Reconnecting with new options", code="options")
        if quiet > self._options.silence_from_server:
            self._check_silence()

    def _check_silence(self) -> None:
        """Nothing heard for long: give the connection up, once, if somebody spoke meanwhile."""
        self._heard_at = loop.now()  # look again after another such silence
        tail = self._journal.tail(self._size(_IDLE_KEPT))
        if not self._wishes.suspect and loud_seconds(tail, self._journal.format) > _LOUD:
            self._wishes.suspect = True
            raise StalledError(f"Speech was sent for {self._options.silence_from_server:g} s and nothing came back")

    def _check_answers(self, now: float) -> None:
        if self._endpointed_at is not None and now - self._endpointed_at > _FINAL_DUE:
            for event in self._machine.settle():
                self._take(event)
        if self._asked_at is None or now - max(self._asked_at, self._heard_at) < self._options.commit_answer:
            return
        if self._wishes.unanswered:  # asked twice, on two connections: go on without an answer
            spoken = self._machine.speaking
            self._close("no_answer")
            if spoken:
                self.abandon(StalledError("A commit was not answered on two connections"))
            return
        self._wishes.unanswered = True
        raise StalledError(f"The commit was not answered within {self._options.commit_answer:g} s")

    def _close(self, reason: str) -> None:
        for event in self._machine.give_up(reason, self._journal.sent_seconds):
            self._take(event)
