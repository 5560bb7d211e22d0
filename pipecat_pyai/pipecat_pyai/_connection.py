"""A processor that listens to a stream of PyAI's: its lifecycle, and what an application learns of the connection.

Above: :mod:`pipecat_pyai.stt`, :mod:`pipecat_pyai.cue` and :mod:`pipecat_pyai.omni`. An outage is told once, however
many dials it takes. Reconnecting is the work of :class:`~pyai_voice.hear.HearStream` and
:class:`~pyai_voice.omni.OmniStream`.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from enum import Enum
from typing import Any, Generic, TypeVar

from loguru import logger
from pipecat.frames.frames import InputAudioRawFrame
from pipecat.utils.errors import ErrorCategory

from pyai_voice.errors import PyAIError
from pyai_voice.events import AudioLost, ConfigAcknowledged, Connected, Disconnected, HearEvent, Problem
from pyai_voice.hear import HearStream
from pyai_voice.omni import OmniStream
from pyai_voice.options import Endpoint, HearOptions, LinkOptions

from ._closing import Closing
from ._words import to_category, to_local_category

__all__ = ["Connection", "HearConnection"]

S = TypeVar("S", HearStream, OmniStream)

_DRAIN = 1.5
"""Seconds that the end of a call may wait for its last words."""


_AUDIBLE = 0.05
"""Seconds of lost audio that are worth a word."""


class _State(Enum):
    NEW = "no connection yet"
    OPEN = "connected"
    DOWN = "dialling again"


class Connection(Closing, Generic[S]):
    """Mixin. Fires ``on_connected``, ``on_disconnected``, ``on_connection_error`` as Pipecat's own services do, and
    ``on_reconnected(service, seconds_replayed)``.
    """

    _meanwhile = "the audio is kept meanwhile"
    """What is done about an outage, in words."""

    def __init__(self, *args: Any, endpoint: Endpoint, link: LinkOptions | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._endpoint = endpoint
        self._link = link
        self._stream: S | None = None
        self._listener: asyncio.Task[None] | None = None
        self._running = False
        self._connection = _State.NEW
        self._warnings: tuple[str, ...] = ()
        self._rate: int | None = None
        self._refused_audio = False
        self._register_event_handler("on_reconnected")

    async def set_usable(self, is_usable: bool) -> None:
        """Open a new stream when the service is given another chance."""
        await super().set_usable(is_usable)
        if is_usable and self._running and self._stream is None:
            self._open_stream()
            self._listen()

    @abstractmethod
    def _new_stream(self) -> S:
        """Return the next stream; note in ``_rate`` which audio it takes."""

    @abstractmethod
    async def _report(self, event: Any) -> None:
        """Tell the pipeline of an event."""

    @abstractmethod
    async def _report_end_of_stream(self) -> None:
        """Close what is open: no more events will come of this stream."""

    def _open_stream(self) -> None:
        """Begin to connect."""
        self._stream = self._new_stream()
        self._stream.start()

    def _listen(self) -> None:
        """Begin to report."""
        self._running = True
        self._listener = self.create_task(self._report_all(), "pyai_events")

    async def _close_stream(self) -> None:
        self._running = False
        stream, self._stream = self._stream, None
        listener, self._listener = self._listener, None
        if stream:
            await stream.aclose()
        if listener:
            await self.cancel_task(listener)

    def _send(self, audio: bytes) -> None:
        if self._stream and not self._stream.closed:  # between two streams there is a moment without any
            self._stream.send_audio(audio)

    async def _takes(self, frame: InputAudioRawFrame) -> bool:
        """Tell whether the stream can take this audio; complain once where it cannot."""
        taken = self._rate is None or (frame.num_channels == 1 and frame.sample_rate == self._rate)
        if not taken and not self._refused_audio:
            self._refused_audio = True
            await self.push_error(
                f"Audio with {frame.num_channels} channels at {frame.sample_rate} Hz was dropped: "
                f"this service was told of mono at {self._rate} Hz. Say what comes with "
                "PipelineParams(audio_in_sample_rate=...), and ask for mono with TransportParams(audio_in_channels=1)",
                category=ErrorCategory.APPLICATION,
            )
        return taken

    async def _report_all(self) -> None:
        """Report what one stream after the other says, until one is closed or its failure is final."""
        while (stream := self._stream) and (error := await self._report_stream(stream)):
            await self._fail(error)
            if not error.retryable:
                return

    async def _report_stream(self, stream: S) -> PyAIError | None:
        failure = None
        try:
            async for event in stream:
                await self._report(event)
        except PyAIError as error:
            failure = error
        await self._report_end_of_stream()
        return failure

    async def _fail(self, error: PyAIError) -> None:
        """Report the end of a stream, and go on with a new one if that can help."""
        self._stream = None
        if error.retryable and self._running:
            self._open_stream()
        await self._report_failure(error)

    async def _report_connection(self, event: object) -> None:
        match event:
            case Connected():
                await self._report_connected(event)
            case Disconnected(error=error):
                await self._report_disconnected(error)
            case Problem(error=error) if error.code == "grounding_inactive":
                logger.warning(f"{self}: {error}")  # nothing has failed: there is no knowledge base
            case Problem(error=error):
                await self.push_error(str(error), error, category=to_local_category(error))
            case AudioLost(seconds=seconds) if seconds >= _AUDIBLE:
                await self._report_loss(f"{seconds:.1f} s of audio were lost")
            case ConfigAcknowledged(warnings=warnings) if warnings and warnings != self._warnings:
                self._warnings = warnings
                logger.warning(f"{self}: PyAI could not do everything as asked: {'; '.join(warnings)}")
            case _:
                pass

    async def _report_loss(self, loss: str) -> None:
        if self._stream and not self._stream.closed:
            await self.push_error(loss, category=ErrorCategory.CONNECTIVITY)
        else:  # an error tells why, or the call is over
            logger.warning(f"{self}: {loss}")

    async def _report_failure(self, error: PyAIError) -> None:
        """Report the error that ended a stream; the service is unusable if repeating cannot help."""
        before, self._connection = self._connection, _State.DOWN
        if before is _State.OPEN:
            await self._call_event_handler("on_disconnected")
        await self._call_event_handler("on_connection_error", str(error))
        permanent = not error.retryable
        await self.push_error(str(error), error, category=to_category(error), force_treat_as_permanent=permanent)

    async def _report_connected(self, event: Connected) -> None:
        logger.debug(f"{self}: connected in {event.took:.2f} s, {event.replayed:.2f} s of audio to catch up")
        before, self._connection = self._connection, _State.OPEN
        await self._call_event_handler("on_connected")
        if before is not _State.NEW:
            await self._call_event_handler("on_reconnected", event.replayed)

    async def _report_disconnected(self, error: PyAIError) -> None:
        before, self._connection = self._connection, _State.DOWN
        if before is _State.DOWN:
            return
        level = "DEBUG" if error.code == "options" else "WARNING"  # or it was our own wish
        logger.log(level, f"{self}: dialling again, {self._meanwhile}: {error}")
        if before is _State.OPEN:
            await self._call_event_handler("on_disconnected")
        else:
            await self._call_event_handler("on_connection_error", str(error))


class HearConnection(Connection[HearStream]):
    """Mixin, for a processor that hears."""

    @abstractmethod
    def _hear_options(self) -> HearOptions:
        """Return the options of the next stream."""

    @abstractmethod
    async def _report(self, event: HearEvent) -> None:
        """Tell the pipeline of an event."""

    def _new_stream(self) -> HearStream:
        options = self._hear_options()
        self._rate = options.sample_rate
        return HearStream(self._endpoint, options, link=self._link)

    async def _drain_stream(self) -> None:
        """Wait a little for the last words."""
        self._running = False
        stream, listener = self._stream, self._listener
        if stream and listener:
            await stream.drain(_DRAIN)
            await asyncio.wait([listener], timeout=_DRAIN)
