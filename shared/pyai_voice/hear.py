"""Streaming speech to text: one caller's audio from the first frame to the last, over as many connections as it takes.

    send_audio --> journal --writer--> link --> server
    events     <-- queue  <--reader--- link <-- server

A lost connection is dialled again with full jitter; what no final transcript has confirmed is sent again, faster
than real time, and each event comes once. Nobody above retries. One connection's life is :mod:`.conversation`; what
the messages mean is :class:`~pyai_voice.protocol.hear.client.HearClient`.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Self

from .audio import AudioFormat, SampleAligner, peak
from .backoff import HOLD_OFF, Outage
from .conversation import Conversation, Wishes
from .errors import AudioError, ConfigurationError, ConnectivityError, PyAIError, StalledError
from .events import (
    AudioLost,
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
from .protocol.hear.client import HearClient
from .protocol.hear.wire import STREAM_PATH, connect_query
from .turns import Overdue
from .watch import TurnWatch

__all__ = ["HearStream"]

_logger = logging.getLogger(__name__)

_MESSAGE = 0.04
"""Seconds of audio in a message while an utterance is open."""
_QUIET_MESSAGE = 0.1
"""The same while nobody speaks."""
_ONSET_MESSAGE = 0.02
"""The same between the first sound of speech and its first transcript, which must not wait for audio."""
_ONSET = 0.5
"""Seconds for which a sound may be the beginning of speech."""
_SOUND = 300
"""Sample value from which on a sound may be speech; more than the noise of a quiet line."""
_QUEUE = 1000
"""Events that may wait to be read; partial transcripts and predictions beyond it are dropped, more than that ends the
stream.
"""
_RESERVE = 20
"""Room for what must still be told then: how the open turn ends."""
_TICK = 0.25
"""Seconds between two looks at an open turn."""


class HearStream:
    """One live transcription. Give it audio with :meth:`send_audio`; iterate it for events.

    The iteration ends after :meth:`drain` or :meth:`aclose`; it raises one PyAIError when the service refuses (a
    wrong key at once) or an outage outlasts ``LinkOptions.ride_through``. Iterating is cancel-safe: no event is lost.
    Belongs to one event loop. Raises UnsupportedError if the endpoint's provider cannot stream.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        options: HearOptions | None = None,
        *,
        link: LinkOptions | None = None,
        connect: Connect = websocket,
    ) -> None:
        endpoint.provider.require("hear_stream")
        self.options = options or HearOptions()
        self.format = AudioFormat(self.options.sample_rate)
        self._endpoint = endpoint
        self._link_options = link or LinkOptions()
        self._connect = connect
        self._machine = HearClient(self.options)
        self._turns = TurnWatch(self.options, self.format)
        self._timer: asyncio.TimerHandle | None = None
        self._journal = Journal(self.format, self._link_options.journal)
        self._aligner = SampleAligner()
        self._message, self._quiet_message, self._onset_message, self._onset = map(
            self.format.size, (_MESSAGE, _QUIET_MESSAGE, _ONSET_MESSAGE, _ONSET)
        )
        self._onset_until = 0
        self._outage = Outage(self._link_options)
        self._wishes = Wishes()
        self._events: asyncio.Queue[HearEvent | None] = asyncio.Queue(_QUEUE + _RESERVE + 1)
        self._task: asyncio.Task[None] | None = None
        self._conversation: Conversation | None = None
        self._failure: BaseException | None = None
        self._connections = 0
        self._lost = 0
        self._taking = True
        self._draining = False
        self._ended = False

    @property
    def closed(self) -> bool:
        """Whether the stream takes no more audio: draining, closed or failed."""
        return not self._taking

    def start(self) -> None:
        """Connect in the background now, before the first audio."""
        if self._task is None and self._taking:
            turns = self.options.turns
            _logger.info(
                "Hear: %s ends turns (deadline %g s, watchdog %g s)", turns.authority, turns.deadline, turns.watchdog
            )
            self._task = asyncio.create_task(self._run(), name="pyai-hear")

    def send_audio(self, pcm: bytes) -> None:
        """Take caller audio (pcm16 mono at ``options.sample_rate``; half a sample is carried over). Never waits.

        Raises ConnectivityError when the stream is closed.
        """
        if not self._taking:
            raise ConnectivityError("This Hear stream is closed; open a new one", code="closed")
        if self._task is None:
            self.start()
        pcm = self._aligner.feed(pcm)
        self._lost += self._journal.append(pcm)
        for event in self._turns.hear(pcm):
            self._queue(event)
        if self._journal.unsent < self._worth_sending(pcm):
            return
        if self._conversation is None or not self._conversation.send_waiting():
            self._wishes.wake.set()

    def _worth_sending(self, pcm: bytes) -> int:
        """Return how many bytes should wait for a message of their own."""
        if self._machine.speaking:
            return self._message
        if self._journal.end < self._onset_until:
            return self._onset_message
        if peak(pcm) <= _SOUND:
            return self._quiet_message
        self._onset_until = self._journal.end + self._onset
        return self._onset_message

    def commit(self) -> bool:
        """Ask for the final transcript of what was sent so far; its TurnEnded will be ``committed``.

        Return False, and ask nothing, where no audio followed the last commit or final.
        """
        due = self._taking and self._journal.mark()
        if due:
            self._wishes.wake.set()
        return due

    def update(self, **changes: object) -> None:
        """Change options (names of HearOptions), now or later: every connection gets them whole.

        What an open connection cannot take makes a new one, dialled as soon as nobody speaks. Raises
        ConfigurationError for a wrong value, for another sample rate and for another authority over turns.
        """
        options = self.options.replace(**changes)
        if options.sample_rate != self.options.sample_rate:
            raise ConfigurationError("sample_rate cannot change on a live stream", hint="Open a new stream")
        if options.turns.authority != self.options.turns.authority:
            raise ConfigurationError("turns.authority cannot change on a live stream", hint="Open a new stream")
        self._wishes.redial |= _needs_new_connection(self.options, options)
        self.options = options
        self._machine.configure(options)
        self._turns.configure(options)
        self._wishes.wake.set()

    async def drain(self, deadline: float = 5.0) -> None:
        """Commit what is open, wait at most ``deadline`` seconds for the answer, close. Events stay readable."""
        if self._task is not None and self._taking:
            if self._aligner.pending:
                odd = AudioError("The audio ended in half a sample: send an even number of bytes", code="invalid_audio")
                self._deliver(Problem(odd))
            self._journal.mark()
            self._taking, self._draining = False, True
            if self._journal.marks:
                self._wishes.wake.set()
                await asyncio.wait([self._task], timeout=deadline)
        await self.aclose()

    async def aclose(self) -> None:
        """Close now; idempotent, within about two seconds. An open utterance ends with the words known now."""
        self._taking = False
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=2.0)
        self._end()  # the task has, unless it was cancelled before its first step

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> HearEvent:
        event = await self._events.get()
        if event is not None:
            return event
        self._events.put_nowait(None)  # so that every later call ends as well
        if self._failure is not None:
            raise self._failure
        raise StopAsyncIteration

    async def _run(self) -> None:
        """Dial, converse, recover, until it is finished."""
        try:
            while not self._wishes.finished and (error := await self._connection()) is not None:
                await self._recover(error)
        except Exception as error:  # noqa: BLE001 - the outermost line of the task: whoever reads the events gets it
            self._failure = error
        finally:
            self._taking = False
            self._settle_accounts()
            self._end()

    def _settle_accounts(self) -> None:
        """Leave no utterance open, and tell what was never sent."""
        if self._machine.speaking or self._journal.marks:
            self._give_up("closed", committed=bool(self._journal.marks))
        if self._journal.unsent and (self._failure or self._draining):
            self._deliver(AudioLost(self.format.seconds(self._journal.unsent)))

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            if self._timer is not None:
                self._timer.cancel()
            self._events.put_nowait(None)

    async def _connection(self) -> PyAIError | None:
        """Dial once and converse; return why it ended, None where the stream is finished."""
        await HOLD_OFF.passed(self._endpoint)
        dialled = self.options
        url = f"{self._endpoint.websocket_url(STREAM_PATH)}?{connect_query(dialled)}"
        began = asyncio.get_running_loop().time()
        try:
            link = await self._connect(url, self._endpoint, self._link_options)
        except PyAIError as error:
            return error
        try:
            self._conversation = self._open(link, dialled, asyncio.get_running_loop().time() - began)
            return await self._conversation.run()
        finally:
            self._conversation = None
            await link.close()

    def _open(self, link: Link, dialled: HearOptions, took: float) -> Conversation:
        self._connections += 1
        self._machine.configure(dialled)
        self._machine.open(self.format.seconds(self._journal.start))
        self._machine.configure(self.options)  # they may have changed during the dial
        self._wishes.redial = _needs_new_connection(dialled, self.options)
        self._wishes.question = ""
        if self._lost:
            self._deliver(AudioLost(self.format.seconds(self._lost)))
            self._lost = 0
        self._deliver(Connected(self._connections, took, self.format.seconds(self._journal.unsent)))
        return Conversation(
            link, self._machine, self._journal, self._link_options, self._wishes, self._outage, self._deliver
        )

    async def _recover(self, error: PyAIError) -> None:
        """Make ready for the next connection and wait until it may be dialled; raise the error if it may not."""
        for event in self._machine.settle():
            self._deliver(event)
        if error.retry_after:
            HOLD_OFF.hold(self._endpoint, error.retry_after)
        wait = self._outage.next_delay(error, asyncio.get_running_loop().time())
        if wait is None:
            raise error
        for _ in range(self._journal.rewind()):
            self._give_up("answered")
        self._deliver(Disconnected(error))
        await asyncio.sleep(wait)

    def _give_up(self, reason: str, *, committed: bool = True) -> None:
        for event in self._machine.give_up(reason, self._journal.sent_seconds, committed):
            self._deliver(event)

    def _deliver(self, event: HearEvent) -> None:
        """Take account of an event and queue it. Never waits, never raises."""
        if isinstance(event, TurnEnded):
            if event.committed:
                self._journal.answered()
            self._journal.confirm(self.format.size(event.at))
            self._wishes.question = ""
            self._wishes.finished = self._draining and not self._journal.marks
        for told in (*self._turns.take(event, _now()), event):
            self._queue(told)
        self._watch()

    def _queue(self, event: HearEvent) -> None:
        waiting = self._events.qsize()
        if waiting < _QUEUE:
            self._events.put_nowait(event)
        elif not _can_be_missed(event):
            if waiting < _QUEUE + _RESERVE:
                self._events.put_nowait(event)
            self._fail(ConfigurationError("The events of this Hear stream are not being read", code="events_not_read"))

    def _fail(self, error: PyAIError) -> None:
        if self._taking and self._task is not None:
            self._taking, self._failure = False, error
            self._machine.hang_up()
            self._task.cancel()

    # -- the open turn ------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Come back to look at the open turn."""
        if self._turns.open and self._timer is None and not self._ended:
            self._timer = asyncio.get_running_loop().call_later(_TICK, self._look)

    def _look(self) -> None:
        self._timer = None
        overdue = self._turns.look(_now())
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


def _now() -> float:
    return asyncio.get_running_loop().time()


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
