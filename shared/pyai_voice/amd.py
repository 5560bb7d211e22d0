"""Answering-machine detection: the sound of a call that was just answered in, who has answered it out.

    send_audio --> the call's sound --writer--> link --> service
    decision   <-- outlet           <---------- link <-- service

The wire has no resume. As the service counts the audio and not the time, a lost connection is dialled again
(:mod:`.stream`) and hears the call from its first sound, faster than real time: the decision is the same. What the
messages mean is :class:`~pyai_voice.protocol.amd.client.AmdClient`.
"""

from __future__ import annotations

import asyncio
import secrets

from . import g711, loop
from .amd_events import AmdDecision, AmdEvent
from .amd_options import AmdOptions
from .audio import Resampler, SampleAligner
from .errors import ConnectivityError, PyAIError
from .events import Connected, Disconnected
from .link import Connect, Link, Message, websocket
from .options import Endpoint, LinkOptions
from .outlet import Outlet
from .protocol.amd.client import AmdClient
from .protocol.amd.wire import FRAME, RATE, connect_path
from .stream import LiveStream

__all__ = ["AmdStream"]

_LONGEST = 60 * RATE
"""Bytes of sound that are kept; a decision does not need more."""
_REPLAY_SPEED = 8.0
_BACKLOG = RATE // 4
"""Bytes of unsent sound from which on it is a backlog."""
_MOST_EVENTS = 1000
"""That may wait to be read; news of the connection beyond it is dropped."""
_ANSWER = 2.0
"""Seconds that the service has for its decision after the last sound."""


class AmdStream(LiveStream[AmdEvent]):
    """One call. Give it what the other party says with :meth:`send_audio`; ask :meth:`decision`, or iterate for events.

    There is exactly one :class:`~pyai_voice.amd_events.AmdDecision`, and the iteration ends with it: the service's, or
    ``unknown`` when ``AmdOptions.deadline`` is over. Both raise one PyAIError when the service refuses (a wrong key at
    once) or an outage outlasts ``LinkOptions.ride_through``. Belongs to one event loop. Raises UnsupportedError if the
    endpoint's provider has no AMD.
    """

    _name = "pyai-amd"

    def __init__(
        self,
        endpoint: Endpoint,
        options: AmdOptions | None = None,
        *,
        link: LinkOptions | None = None,
        connect: Connect = websocket,
    ) -> None:
        endpoint.provider.require("amd")
        super().__init__(endpoint, link, connect, Outlet(_MOST_EVENTS))
        self.options = options or AmdOptions()
        self._machine = AmdClient(self.options, secrets.token_hex(16))
        self._aligner = SampleAligner()
        self._resampler = Resampler(self.options.sample_rate, RATE, quality="LQ")
        self._sound = bytearray()
        self._wake = asyncio.Event()
        self._stopping = False
        self._timer: asyncio.TimerHandle | None = None
        self._over = asyncio.Event()
        self._decision: AmdDecision | None = None
        self._trouble: PyAIError | None = None
        """Why there is no connection at the moment."""

    def send_audio(self, sound: bytes) -> None:
        """Take what the called party says, as the options describe it; half a sample is carried over. Never waits.

        Send only the call itself, from the moment it is answered: ringing is not part of it. After the decision it does
        nothing, so that a pipeline may go on.
        """
        if self._closed or self._stopping:
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
        if self._task is not None and not self._closed:
            self._keep(self._coded(b"", last=True))
            self._stopping = True
            self._wake.set()
            await asyncio.wait([self._task], timeout=_ANSWER)
        await self.aclose()

    # One connection after the other

    def _address(self) -> str:
        return self._endpoint.websocket_url(connect_path(self.options))

    async def _converse(self, link: Link, took: float) -> PyAIError | None:
        self._trouble = None
        self._deliver(Connected(self._connections, took, len(self._sound) / RATE))
        self._machine.open()
        return await loop.until_first(link.listen(self._hear), self._write(link))  # the listener has the close code

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

    def _disconnected(self, error: PyAIError) -> None:
        self._trouble = error
        self._deliver(Disconnected(error))

    def _settle(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._over.set()

    # What is told

    def _give_up(self) -> None:
        """Decide that nobody knows: whoever waits must not wait for ever."""
        heard, reason = len(self._sound) / RATE, f"no decision within {self.options.deadline:g} s"
        if self._trouble is not None:
            reason = f"{reason}: {self._trouble}"
        parameters = dict(self.options.parameters)
        self._deliver(
            AmdDecision("unknown", "unknown", at=heard, reason=reason, rule_id="deadline", parameters=parameters)
        )
        if self._task is not None:
            self._task.cancel()
        self._end()

    def _deliver(self, event: AmdEvent) -> None:
        if not isinstance(event, AmdDecision):
            self._outlet.put(event)
        elif self._decision is None:
            self._decision, self._closed = event, True
            self._outlet.put(event, must=True)
            self._over.set()
