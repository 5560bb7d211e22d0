"""Streaming speech to text: one caller's audio from the first frame to the last, over as many connections as it takes.

    send_audio --> journal --writer--> link --> server
    events     <-- outlet  <--reader-- link <-- server

A lost connection is dialled again (:mod:`.stream`); what no final transcript has confirmed is sent again, faster than
real time, and each event comes once. One connection's life is :mod:`.conversation`; what the messages mean is
:class:`~pyai_voice.protocol.hear.client.HearClient`.
"""

from __future__ import annotations

import asyncio
import logging

from . import loop
from .audio import AudioFormat, SampleAligner
from .conversation import Conversation, Wishes
from .errors import AudioError, ConfigurationError, ConnectivityError, PyAIError, RequestError, StalledError
from .events import (
    AudioLost,
    ConfigAcknowledged,
    Connected,
    Disconnected,
    HearEvent,
    PredictionWithdrawn,
    Problem,
    Transcript,
    TurnEnded,
    TurnPredicted,
)
from .journal import Journal
from .link import Connect, Link, websocket
from .options import CueOptions, Endpoint, HearOptions, LinkOptions, TurnPolicy
from .outlet import Outlet, events_not_read
from .pace import Pace
from .protocol.hear.client import HearClient
from .protocol.hear.wire import STREAM_PATH, connect_query
from .stream import LiveStream
from .turns import Overdue
from .watch import TurnWatch

__all__ = ["HearStream"]

_logger = logging.getLogger(__name__)

_MOST_EVENTS = 1000
"""That may wait to be read. Partial transcripts and predictions beyond it are dropped, others end the stream."""
_TICK = 0.25
"""Seconds between two looks at an open turn."""


class HearStream(LiveStream[HearEvent]):
    """One live transcription. Give it audio with :meth:`send_audio`; iterate it for events.

    The iteration ends after :meth:`drain` or :meth:`aclose` (an open utterance then ends with the words known); it
    raises one PyAIError when the service refuses (a wrong key at once) or an outage outlasts
    ``LinkOptions.ride_through``. Iterating is cancel-safe: no event is lost. Belongs to one event loop. Raises
    UnsupportedError if the endpoint's provider cannot stream.
    """

    _name = "pyai-hear"

    def __init__(
        self,
        endpoint: Endpoint,
        options: HearOptions | None = None,
        *,
        link: LinkOptions | None = None,
        connect: Connect = websocket,
    ) -> None:
        endpoint.provider.require("hear_stream")
        super().__init__(endpoint, link, connect, Outlet(_MOST_EVENTS))
        self.options = self._dialled = options or HearOptions()
        self._worked: HearOptions | None = None
        self.format = AudioFormat(self.options.sample_rate)
        self._machine = HearClient(self.options)
        self._turns = TurnWatch(self.options, self.format)
        self._timer: asyncio.TimerHandle | None = None
        self._aligner = SampleAligner()
        self._pace = Pace(self.format)
        self._journal = Journal(self.format, self._link_options.journal)
        self._lost = 0
        self._wishes = Wishes()
        self._conversation: Conversation | None = None
        self._draining = False

    def start(self) -> None:
        """Connect in the background now, before the first audio."""
        if self._task is None and not self._closed:
            turns = self.options.turns
            _logger.info(
                "Hear: turn policy %s (deadline %g s, watchdog %g s)", turns.authority, turns.deadline, turns.watchdog
            )
        super().start()

    def send_audio(self, pcm: bytes) -> None:
        """Take caller audio (pcm16 mono at ``options.sample_rate``; half a sample is carried over). Never waits.

        Raises ConnectivityError when the stream is closed.
        """
        if self._closed:
            raise ConnectivityError("This Hear stream is closed; open a new one", code="closed")
        if self._task is None:
            self.start()
        pcm = self._aligner.feed(pcm)
        self._lost += self._journal.append(pcm)
        for event in self._turns.hear(pcm):
            self._queue(event)
        if self._journal.unsent < self._pace.worth_sending(pcm, self._journal.end, self._machine.speaking):
            return
        if self._conversation is None or not self._conversation.send_waiting():
            self._wishes.wake.set()

    def commit(self) -> bool:
        """Ask for the final transcript of what was sent so far; its TurnEnded will be ``committed``.

        Return False, and ask nothing, where no audio followed the last commit or final.
        """
        due = not self._closed and self._journal.mark()
        if due:
            self._wishes.wake.set()
        return due

    def update(self, **changes: object) -> None:
        """Change options (names of HearOptions), now or later: every connection gets them whole.

        What an open connection cannot take makes a new one, dialled as soon as nobody speaks. What the service refuses
        is told by a Disconnected, and the stream goes on with the options before. Raises ConfigurationError for a wrong
        value, for another sample rate and for another authority over turns.
        """
        options = self.options.replace(**changes)
        if options.sample_rate != self.options.sample_rate:
            raise ConfigurationError("sample_rate cannot change on a live stream", hint="Open a new stream")
        if options.turns.authority != self.options.turns.authority:
            raise ConfigurationError("turns.authority cannot change on a live stream", hint="Open a new stream")
        self._wishes.redial |= _needs_new_connection(self.options, options)
        self._configure(options)
        self._wishes.wake.set()

    def _configure(self, options: HearOptions) -> None:
        self.options = options
        self._machine.configure(options)
        self._turns.configure(options)

    async def drain(self, deadline: float = 5.0) -> None:
        """Commit what is open, wait at most ``deadline`` seconds for the answer, close. Events stay readable."""
        if self._task is not None and not self._closed:
            if self._aligner.pending:
                odd = AudioError("The audio ended in half a sample: send an even number of bytes", code="invalid_audio")
                self._deliver(Problem(odd))
            self._journal.mark()
            self._closed = self._draining = True
            if self._journal.marks:
                self._wishes.wake.set()
                await asyncio.wait([self._task], timeout=deadline)
        await self.aclose()

    # One connection after the other

    def _address(self) -> str:
        self._dialled = self.options
        return f"{self._endpoint.websocket_url(STREAM_PATH)}?{connect_query(self._dialled)}"

    async def _connection(self) -> PyAIError | None:
        return None if self._wishes.finished else await super()._connection()

    async def _converse(self, link: Link, took: float) -> PyAIError | None:
        self._open(took)
        self._conversation = Conversation(
            link, self._machine, self._journal, self._link_options, self._wishes, self._outage, self._deliver
        )
        try:
            error = await self._conversation.run()
        finally:
            self._conversation = None
        for event in self._machine.settle() if error else ():
            self._deliver(event)
        return error

    def _open(self, took: float) -> None:
        self._machine.configure(self._dialled)
        self._machine.open(self.format.seconds(self._journal.start))
        self._machine.configure(self.options)  # they may have changed during the dial
        self._wishes.redial = _needs_new_connection(self._dialled, self.options)
        self._wishes.question = ""
        if self._lost:
            self._deliver(AudioLost(self.format.seconds(self._lost)))
            self._lost = 0
        self._deliver(Connected(self._connections, took, self.format.seconds(self._journal.unsent)))

    async def _recover(self, error: PyAIError) -> None:
        """Wait until the next connection may be dialled; a change of options that was refused is taken back."""
        worked = self._worked
        if worked is None or worked == self._dialled or not isinstance(error, RequestError):
            await super()._recover(error)
            return
        if self.options == self._dialled:  # else they have been changed again meanwhile
            self._configure(worked)
        self._disconnected(error)

    def _disconnected(self, error: PyAIError) -> None:
        for _ in range(self._journal.rewind()):
            self._give_up("answered")
        self._deliver(Disconnected(error))

    def _settle(self) -> None:
        """Leave no utterance open, and tell what was never sent."""
        if self._machine.speaking or self._journal.marks:
            self._give_up("closed", committed=bool(self._journal.marks))
        if self._journal.unsent and (self._failure or self._draining):
            self._deliver(AudioLost(self.format.seconds(self._journal.unsent)))
        if self._timer is not None:
            self._timer.cancel()

    # What is told

    def _give_up(self, reason: str, *, committed: bool = True) -> None:
        for event in self._machine.give_up(reason, self._journal.sent_seconds, committed):
            self._deliver(event)

    def _deliver(self, event: HearEvent) -> None:
        """Take account of an event and queue it. Never waits, never raises."""
        if isinstance(event, ConfigAcknowledged):
            self._worked = self._dialled
        if isinstance(event, TurnEnded):
            if event.committed:
                self._journal.answered()
            self._journal.confirm(self.format.size(event.at))
            self._wishes.question = ""
            self._wishes.finished = self._draining and not self._journal.marks
        for told in (*self._turns.take(event, loop.now()), event):
            self._queue(told)
        self._watch()

    def _queue(self, event: HearEvent) -> None:
        if self._outlet.put(event) or _can_be_missed(event):
            return
        self._outlet.put(event, must=True)
        if not self._closed and self._task is not None:
            self._closed, self._failure = True, events_not_read()
            self._machine.hang_up()
            self._task.cancel()

    # The open turn

    def _watch(self) -> None:
        """Come back to look at the open turn."""
        if self._turns.open and self._timer is None and not self._ended:
            self._timer = asyncio.get_running_loop().call_later(_TICK, self._look)

    def _look(self) -> None:
        self._timer = None
        overdue = self._turns.look(loop.now())
        if overdue is not None:
            self._hurry(overdue)
        self._watch()

    def _hurry(self, overdue: Overdue) -> None:
        """Have an overdue turn ended by the service, else end it here: what followed its words is sent again."""
        if overdue.step == "ask":
            if not self._journal.marks:  # else the answer to a commit will end it
                self._wishes.question = overdue.reason
                self._wishes.wake.set()
            return
        self._give_up(overdue.reason, committed=False)
        if self._conversation is not None:
            self._conversation.abandon(StalledError(f"A turn was not ended at its {overdue.reason}"))


def _can_be_missed(event: HearEvent) -> bool:
    """Tell whether a later event says the same."""
    if isinstance(event, Transcript):
        return not event.final
    return isinstance(event, TurnPredicted | PredictionWithdrawn)


def _needs_new_connection(old: HearOptions, new: HearOptions) -> bool:
    """Tell whether a change goes beyond what a config message can carry."""
    local = {"endpointing_ms": None, "cue": CueOptions(), "turns": TurnPolicy()}
    stopped = old.cue.grounding and not new.cue.grounding
    withdrawn = stopped or (old.endpointing_ms and not new.endpointing_ms)
    return bool(withdrawn) or old.replace(**local) != new.replace(**local)
