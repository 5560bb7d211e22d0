"""Answering-machine detection: the sound of a call that was just answered in, who has answered it out.

    send_audio --> the call's sound --writer--> link --> service
    decision   <-- events           <---------- link <-- service

The wire has no resume. As the service counts the audio and not the time, a lost connection is dialled again with full
jitter and hears the call from its first sound, faster than real time: the decision is the same. What the messages mean
is :class:`~pyai_voice.protocol.amd.client.AmdClient`.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Self

from . import g711
from .amd_events import AmdDecision, AmdEvent
from .amd_options import AmdOptions
from .audio import Resampler, SampleAligner
from .backoff import HOLD_OFF, Outage
from .errors import ConnectivityError, PyAIError
from .events import Connected, Disconnected
from .link import Connect, Link, Message, websocket
from .options import Endpoint, LinkOptions
from .protocol.amd.client import AmdClient
from .protocol.amd.wire import FRAME, RATE, connect_path

__all__ = ["AmdStream"]

_LONGEST = 60 * RATE
"""Bytes of sound that are kept; a decision does not need more."""
_REPLAY_SPEED = 8.0
_BACKLOG = RATE // 4
"""Bytes of unsent sound from which on it is a backlog."""
_QUEUE = 1000
"""Events that may wait to be read; news of the connection beyond it is dropped."""
_ANSWER = 2.0
"""Seconds that the service has for its decision after the last sound."""


class AmdStream:
    """One call. Give it what the other party says with :meth:`send_audio`; ask :meth:`decision`, or iterate for events.

    There is exactly one :class:`~pyai_voice.amd_events.AmdDecision`, and the iteration ends with it: the service's, or
    ``unknown`` when ``AmdOptions.deadline`` is over. Both raise one PyAIError when the service refuses (a wrong key at
    once) or an outage outlasts ``LinkOptions.ride_through``. Belongs to one event loop. Raises UnsupportedError if the
    endpoint's provider has no AMD.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        options: AmdOptions | None = None,
        *,
        link: LinkOptions | None = None,
        connect: Connect = websocket,
    ) -> None:
        endpoint.provider.require("amd")
        self.options = options or AmdOptions()
        self._endpoint = endpoint
        self._link_options = link or LinkOptions()
        self._connect = connect
        self._machine = AmdClient(self.options, secrets.token_hex(16))
        self._aligner = SampleAligner()
        self._resampler = Resampler(self.options.sample_rate, RATE, quality="LQ")
        self._sound = bytearray()
        self._wake = asyncio.Event()
        self._stopping = False
        self._outage = Outage(self._link_options)
        self._connections = 0
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._events: asyncio.Queue[AmdEvent | None] = asyncio.Queue(_QUEUE + 2)
        self._over = asyncio.Event()
        self._decision: AmdDecision | None = None
        self._failure: BaseException | None = None
        self._ended = False

    @property
    def closed(self) -> bool:
        """Whether it is over: decided, closed or failed. Sound that comes then is ignored."""
        return self._over.is_set()

    def start(self) -> None:
        """Connect in the background now, while the telephone still rings."""
        if self._task is None and not self.closed:
            self._task = asyncio.create_task(self._run(), name="pyai-amd")

    def send_audio(self, sound: bytes) -> None:
        """Take what the called party says, as the options describe it; half a sample is carried over. Never waits.

        Send only the call itself, from the moment it is answered: ringing is not part of it. After the decision it does
        nothing, so that a pipeline may go on.
        """
        if self.closed or self._stopping:
            return
        self.start()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self.options.deadline, self._give_up)
        self._keep(self._coded(sound))

    def _coded(self, sound: bytes, *, last: bool = False) -> bytes:
        if self.options.encoding == "ulaw":
            return sound
        return g711.encode(self._resampler.feed(self._aligner.feed(sound), last=last))

    def _keep(self, coded: bytes) -> None:
        self._sound += coded[: _LONGEST - len(self._sound)]
        self._wake.set()

    async def decision(self) -> AmdDecision:
        """Return who has answered, waiting for it. Cancel-safe; may be asked again and by several tasks.

        Raises the stream's error, and ConnectivityError ``closed`` where it was closed before the decision.
        """
        await self._over.wait()
        if self._decision is not None:
            return self._decision
        raise self._failure or ConnectivityError("Closed before the decision", code="closed")

    async def finish(self) -> None:
        """Say that the call is over, wait at most two seconds for a decision on what was heard, and close."""
        if self._task is not None and not self.closed:
            self._keep(self._coded(b"", last=True))
            self._stopping = True
            self._wake.set()
            await asyncio.wait([self._task], timeout=_ANSWER)
        await self.aclose()

    async def aclose(self) -> None:
        """Close now; idempotent, within about two seconds. Events stay readable."""
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

    async def __anext__(self) -> AmdEvent:
        event = await self._events.get()
        if event is not None:
            return event
        self._events.put_nowait(None)  # so that every later call ends as well
        if self._failure is not None:
            raise self._failure
        raise StopAsyncIteration

    # -- the stream's own task ------------------------------------------------------------------------

    async def _run(self) -> None:
        """Dial, let hear, recover, until it is decided."""
        try:
            while (error := await self._connection()) is not None:
                await self._recover(error)
        except Exception as error:  # noqa: BLE001 - the outermost line of the task: whoever asks for the decision gets it
            self._failure = error
        finally:
            self._end()

    async def _connection(self) -> PyAIError | None:
        """Dial once and let it hear the call; return why it ended, None where it has decided."""
        await HOLD_OFF.passed(self._endpoint)
        began = _now()
        url = self._endpoint.websocket_url(connect_path(self.options))
        try:
            link = await self._connect(url, self._endpoint, self._link_options)
        except PyAIError as error:
            return error
        try:
            self._connections += 1
            self._deliver(Connected(self._connections, _now() - began, len(self._sound) / RATE))
            self._machine.open()
            return await self._converse(link)
        finally:
            await link.close()

    async def _converse(self, link: Link) -> PyAIError | None:
        parts = [asyncio.ensure_future(part) for part in (link.listen(self._hear), self._write(link))]
        try:
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for part in parts:
                part.cancel()
            endings = await asyncio.gather(*parts, return_exceptions=True)
        if self._decision is not None:
            return None
        error = next(ending for ending in endings if isinstance(ending, Exception))  # the listener's has the close code
        if isinstance(error, PyAIError):
            return error
        raise error

    def _hear(self, message: Message) -> bool:
        for event in self._machine.receive(message):
            self._deliver(event)
        return self._decision is None

    async def _write(self, link: Link) -> None:
        sent = 0
        while True:
            while len(piece := bytes(self._sound[sent : sent + FRAME])) == FRAME or (piece and self._stopping):
                backlog = len(self._sound) - sent > _BACKLOG
                sent += len(piece)
                self._machine.hear(piece)
                await self._flush(link)
                if backlog:
                    await asyncio.sleep(len(piece) / RATE / _REPLAY_SPEED)
            if self._stopping:
                self._machine.stop()
            await self._flush(link)
            self._wake.clear()
            await self._wake.wait()

    async def _flush(self, link: Link) -> None:
        for message in self._machine.data_to_send():
            await link.send(message)

    async def _recover(self, error: PyAIError) -> None:
        """Wait until the next connection may be dialled; raise the error if it may not."""
        if error.retry_after:
            HOLD_OFF.hold(self._endpoint, error.retry_after)
        wait = self._outage.next_delay(error, _now())
        if wait is None:
            raise error
        self._deliver(Disconnected(error))
        await asyncio.sleep(wait)

    def _give_up(self) -> None:
        """Decide that nobody knows: whoever waits must not wait for ever."""
        heard, reason = len(self._sound) / RATE, f"no decision within {self.options.deadline:g} s"
        parameters = dict(self.options.parameters)
        self._deliver(
            AmdDecision("unknown", "unknown", at=heard, reason=reason, rule_id="deadline", parameters=parameters)
        )
        if self._task is not None:
            self._task.cancel()
        self._end()

    def _deliver(self, event: AmdEvent) -> None:
        if isinstance(event, AmdDecision):
            if self._decision is not None:
                return
            self._decision = event
            self._over.set()
        elif self._events.qsize() >= _QUEUE:
            return
        self._events.put_nowait(event)

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self._ended:
            self._ended = True
            self._over.set()
            self._events.put_nowait(None)


def _now() -> float:
    return asyncio.get_running_loop().time()
