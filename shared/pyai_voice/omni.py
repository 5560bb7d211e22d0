"""Speech to speech with Omni: the caller's audio in, the agent's audio, words and wishes out; one stream is one caller.

    send_audio --> slots --20 ms--> link --> service
    events     <-- outlet <-------- link <-- service

A lost connection is dialled again after a second or more; Omni resumes nothing, so it is a new call, and its persona
tells what was said so far. What the messages mean is :class:`~pyai_voice.protocol.omni.client.OmniClient`; one
connection's life is :mod:`.omni_call`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Self

from .backoff import HOLD_OFF, Outage
from .errors import ConfigurationError, ConnectivityError, PyAIError
from .events import AudioLost, Connected, Disconnected
from .link import Connect, Link, websocket
from .omni_call import OmniCall
from .omni_events import CallEnded, OmniEvent, ToolCallClosed, ToolCalled
from .omni_options import OmniOptions
from .omni_tools import ToolHandler, ToolRunner
from .options import Endpoint, LinkOptions
from .outlet import Outlet
from .protocol.omni.client import OmniClient
from .protocol.omni.wire import connect_path
from .reply_sound import ReplySound
from .slots import CallerSlots

__all__ = ["OmniStream"]

_LEAST_WAIT = 1.0
"""Seconds before a new connection: the service holds on to the lost call for a while."""
_GOODBYE = 1.0
"""Seconds for the goodbye when the stream is closed."""
_TOLD = 1.0
"""Seconds of dropped audio that are told of at once."""
_FIXED = ("rate", "input_rate", "output_rate", "session_label", "surface", "query", "configure", "both_keys")
"""Options of a connection or of the whole stream."""


class OmniStream:
    """One live conversation. Give it the caller's audio with :meth:`send_audio`; iterate it for events.

    The iteration ends after :class:`~pyai_voice.omni_events.CallEnded`; it raises one PyAIError when the service
    refuses (a wrong key at once), does not do what ``configure`` asks for, or an outage outlasts
    ``LinkOptions.ride_through``. Iterating is cancel-safe. ``handlers`` answer tool calls by name; every other call is
    answered with :meth:`answer` or :meth:`fail`, else it fails when its time is up. Belongs to one event loop. Raises
    UnsupportedError if the endpoint's provider has no Omni.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        options: OmniOptions | None = None,
        *,
        handlers: Mapping[str, ToolHandler] | None = None,
        link: LinkOptions | None = None,
        connect: Connect = websocket,
    ) -> None:
        endpoint.provider.require("omni")
        self.options = options or OmniOptions()
        self._endpoint = endpoint
        self._link_options = link or LinkOptions()
        self._connect = connect
        self._machine = OmniClient(self.options)
        self._slots = CallerSlots(self.options.rate, self.options.input_rate or self.options.rate)
        self._sound = ReplySound(self.options.output_rate)
        self._outlet = Outlet()
        self._tools = ToolRunner(handlers or {}, self.answer, self.fail)
        self._outage = Outage(self._link_options)
        self._task: asyncio.Task[None] | None = None
        self._call: OmniCall | None = None
        self._failure: BaseException | None = None
        self._connections = 0
        self._lost = 0.0
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the stream takes no more audio: closed, ended or failed."""
        return self._closed

    @property
    def call_id(self) -> str:
        """The service's name for the call; empty until it is known."""
        return self._machine.call_id

    def start(self) -> None:
        """Connect in the background now: the agent may greet before the caller says anything."""
        if self._task is None and not self._closed:
            self._task = asyncio.create_task(self._run(), name="pyai-omni")

    # What the caller and the program say

    def send_audio(self, pcm: bytes) -> None:
        """Take caller audio (pcm16 mono at ``options.input_rate`` or ``rate``; half a sample is carried over).

        Never waits; call it in real time: what is more than two seconds ahead is dropped. While nothing comes, silence
        is sent. Raises ConnectivityError when the stream is closed.
        """
        if self._closed:
            raise ConnectivityError("This Omni stream is closed; open a new one", code="closed")
        self.start()
        self._lost += self._slots.feed(pcm)
        if self._call is not None and self._lost >= _TOLD:
            self._tell_lost()

    def mute(self, on: bool = True) -> None:
        """Send silence instead of the caller's audio, or the caller's audio again."""
        self._slots.mute(on)

    def press(self, digits: str) -> None:
        """Send touch tones. Raises ConfigurationError for what is no touch tone; lost where there is no connection."""
        self._machine.press(digits)

    def answer(self, call_id: str, result: object) -> None:
        """Answer a tool call with what JSON can say; without effect where it is answered already or void."""
        self._deliver(self._machine.answer(call_id, result))

    def fail(self, call_id: str, error: str) -> None:
        """Answer a tool call with an error that the agent may read; without effect where it is answered or void."""
        self._machine.fail(call_id, error)

    def interrupt(self) -> None:
        """Drop what the agent is saying: its events end with Interrupted until its next turn.

        The wire has no word for it: the service goes on, unheard.
        """
        self._deliver(self._machine.interrupt(asyncio.get_running_loop().time()))

    def update(self, **changes: object) -> None:
        """Change options (names of OmniOptions): the agent gets them whole, now and with every new connection.

        Raises ConfigurationError for a wrong value and for what belongs to the connection.
        """
        options = self.options.replace(**changes)
        if fixed := next((name for name in _FIXED if getattr(options, name) != getattr(self.options, name)), ""):
            raise ConfigurationError(f"{fixed} cannot change on a live stream", hint="Open a new stream")
        self.options = options
        self._machine.update(options, asyncio.get_running_loop().time())

    # Life

    async def aclose(self) -> None:
        """Say goodbye and close; idempotent, within about three seconds. Events stay readable."""
        self._closed = True
        task = self._task
        if task is None:
            self._end()
            return
        if self._call is not None:
            if not self._call.closing:
                self._call.closing = True
                self._machine.close()
            await asyncio.wait([task], timeout=_GOODBYE)
        task.cancel()
        await asyncio.wait([task], timeout=2.0)
        self._end()  # the task has, unless it was cancelled before its first step

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> OmniEvent:
        event = await self._outlet.get()
        if event is not None:
            return event
        if self._failure is not None:
            raise self._failure
        raise StopAsyncIteration

    async def _run(self) -> None:
        """Dial, converse, recover, until it is over."""
        try:
            while (error := await self._connection()) is not None:
                await self._recover(error)
        except Exception as error:  # noqa: BLE001 - the outermost line of the task: whoever reads the events gets it
            self._failure = error
        finally:
            self._end()
            await self._tools.aclose()

    def _end(self) -> None:
        reason = "client" if self._closed else "service"
        self._closed = True
        self._outlet.end(None if self._failure else CallEnded(reason))

    async def _connection(self) -> PyAIError | None:
        """Dial once and converse; return why it ended, None where the call is over."""
        await HOLD_OFF.passed(self._endpoint)
        began = asyncio.get_running_loop().time()
        url = self._endpoint.websocket_url(connect_path(self.options))
        try:
            link = await self._connect(url, self._endpoint, self._link_options)
        except PyAIError as error:
            return error
        try:
            self._call = self._open(link, asyncio.get_running_loop().time() - began)
            return await self._call.run()
        finally:
            self._call = None
            try:
                self._deliver(self._machine.lost(asyncio.get_running_loop().time()))
            finally:
                await link.close()

    def _open(self, link: Link, took: float) -> OmniCall:
        self._connections += 1
        self._machine.open(asyncio.get_running_loop().time())
        if self._lost:
            self._tell_lost()
        self._deliver([Connected(self._connections, took, self._slots.waiting)])
        return OmniCall(link, self._machine, self._slots, self._link_options, self._outage, self._deliver)

    def _tell_lost(self) -> None:
        lost, self._lost = self._lost, 0.0
        self._deliver([AudioLost(lost)])

    async def _recover(self, error: PyAIError) -> None:
        """Wait until the next connection may be dialled; raise the error if it may not."""
        if error.retry_after:
            HOLD_OFF.hold(self._endpoint, error.retry_after)
        wait = self._outage.next_delay(error, asyncio.get_running_loop().time())
        if wait is None or self._closed:
            raise error
        self._deliver([Disconnected(error)])
        await asyncio.sleep(max(_LEAST_WAIT, wait))

    def _deliver(self, events: list[OmniEvent]) -> None:
        now = asyncio.get_running_loop().time()
        told = [each for event in events for each in self._sound.take(event, now)]
        for event in (*told, *self._sound.tick(now)):
            if isinstance(event, ToolCalled):
                self._tools.start(event)
            if isinstance(event, ToolCallClosed):
                self._tools.stop(event.call_id)
            self._outlet.put(event)
