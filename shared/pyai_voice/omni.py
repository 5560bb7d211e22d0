"""Speech to speech with Omni: the caller's audio in, the agent's audio, words and wishes out; one stream is one caller.

    send_audio --> slots --20 ms--> link --> service
    events     <-- outlet <-------- link <-- service

A lost connection is dialled again (:mod:`.stream`) after a second or more; Omni resumes nothing, so it is a new call,
and its persona tells what was said so far. One connection's life is :mod:`.omni_call`; what the messages mean is
:class:`~pyai_voice.protocol.omni.client.OmniClient`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Literal

from . import loop
from .errors import ConfigurationError, ConnectivityError, PyAIError
from .events import AudioLost, Connected, Disconnected
from .link import Connect, Link, websocket
from .omni_call import OmniCall
from .omni_events import CallEnded, Interrupted, OmniEvent, ReplyAudio, ReplyText, ToolCallClosed, ToolCalled
from .omni_options import OmniOptions
from .omni_tools import ToolHandler, ToolRunner
from .options import Endpoint, LinkOptions
from .outlet import Outlet, events_not_read
from .protocol.omni.client import OmniClient
from .protocol.omni.wire import connect_path
from .reply_sound import ReplySound
from .slots import CallerSlots
from .stream import LiveStream

__all__ = ["OmniStream"]

_MOST_EVENTS = 4_000
"""That may wait to be read; more end the stream."""
_EVENT_AUDIO = 4_000
"""Bytes of audio that count as one more event: five minutes of it may wait."""
_GOODBYE = 1.0
"""Seconds for the goodbye when the stream is closed."""
_TOLD = 1.0
"""Seconds of dropped audio that are told of at once."""
_FIXED = ("rate", "input_rate", "output_rate", "session_label", "surface", "query", "configure", "both_keys")
"""Options of a connection or of the whole stream."""


class OmniStream(LiveStream[OmniEvent]):
    """One live conversation. Give it the caller's audio with :meth:`send_audio`; iterate it for events.

    The iteration ends after :class:`~pyai_voice.omni_events.CallEnded`; it raises one PyAIError when the service
    refuses (a wrong key at once), does not do what ``configure`` asks for, or an outage outlasts
    ``LinkOptions.ride_through``. Iterating is cancel-safe. ``handlers`` answer tool calls by name; every other call is
    answered with :meth:`answer` or :meth:`fail`, else it fails when its time is up. Belongs to one event loop. Raises
    UnsupportedError if the endpoint's provider has no Omni.
    """

    _name = "pyai-omni"
    _least_wait = 1.0  # the service holds on to a lost call for a while

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
        super().__init__(endpoint, link, connect, Outlet(_MOST_EVENTS, _weigh))
        self.options = options or OmniOptions()
        self._machine = OmniClient(self.options)
        self._slots = CallerSlots(self.options.rate, self.options.input_rate or self.options.rate)
        self._sound = ReplySound(self.options.output_rate)
        self._tools = ToolRunner(handlers or {}, self.answer, self.fail)
        self._call: OmniCall | None = None
        self._ended_by: Literal["client", "service"] = "service"
        self._lost = 0.0

    @property
    def call_id(self) -> str:
        """The service's name for the call; empty until it is known."""
        return self._machine.call_id

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
        """Send touch tones; until a call has begun and its agent is configured, the last 64 of them wait.

        Raises ConfigurationError for what is no touch tone.
        """
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
        self._deliver(self._machine.interrupt(loop.now()))

    def update(self, **changes: object) -> None:
        """Change options (names of OmniOptions): the agent gets them whole, now and with every new connection.

        Raises ConfigurationError for a wrong value and for what belongs to the connection.
        """
        options = self.options.replace(**changes)
        if fixed := next((name for name in _FIXED if getattr(options, name) != getattr(self.options, name)), ""):
            raise ConfigurationError(f"{fixed} cannot change on a live stream", hint="Open a new stream")
        self.options = options
        self._machine.update(options, loop.now())

    # Life

    async def aclose(self) -> None:
        """Say goodbye and close; idempotent, within about three seconds. Events stay readable."""
        self._closed, self._ended_by = True, "client"
        if self._call is not None and self._task is not None:
            if not self._call.closing:
                self._call.closing = True
                self._machine.close()
            await asyncio.wait([self._task], timeout=_GOODBYE)
        await super().aclose()

    async def _run(self) -> None:
        try:
            await super()._run()
        finally:
            await self._tools.aclose()

    def _address(self) -> str:
        return self._endpoint.websocket_url(connect_path(self.options))

    async def _converse(self, link: Link, took: float) -> PyAIError | None:
        self._open(took)
        self._call = OmniCall(link, self._machine, self._slots, self._link_options, self._outage, self._deliver)
        try:
            error = await self._call.run()
        finally:
            self._call = None
            self._deliver(self._machine.lost(loop.now()))
        return None if self._closed else error

    def _open(self, took: float) -> None:
        self._machine.open(loop.now())
        if self._lost:
            self._tell_lost()
        self._deliver([Connected(self._connections, took, self._slots.waiting)])

    def _disconnected(self, error: PyAIError) -> None:
        self._deliver([Disconnected(error)])

    def _settle(self) -> None:
        if self._failure is None:
            self._outlet.put(CallEnded(self._ended_by), must=True)

    # What is told

    def _tell_lost(self) -> None:
        lost, self._lost = self._lost, 0.0
        self._deliver([AudioLost(lost)])

    def _deliver(self, events: list[OmniEvent]) -> None:
        now = loop.now()
        told = [each for event in events for each in self._sound.take(event, now)]
        for event in (*told, *self._sound.tick(now)):
            if isinstance(event, ToolCalled):
                self._tools.start(event)
            if isinstance(event, ToolCallClosed):
                self._tools.stop(event.call_id)
            if isinstance(event, Interrupted):
                self._outlet.take_back(ReplyAudio, ReplyText)
            if not self._outlet.put(event):
                raise events_not_read()


def _weigh(event: OmniEvent) -> int:
    return 1 + len(event.pcm) // _EVENT_AUDIO if isinstance(event, ReplyAudio) else 1
