"""One live transcription in LiveKit.

Above: :mod:`.stt` and LiveKit's session. Below: :class:`pyai_voice.HearStream`, which owns the connection: it
reconnects and replays, and LiveKit gets one error, which it does not retry, when the core has given up.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Unpack

from livekit import rtc
from livekit.agents import APIConnectOptions, APIError, stt, utils

from pyai_voice.errors import ConnectivityError, PyAIError
from pyai_voice.events import (
    AudioLost,
    ConfigAcknowledged,
    Connected,
    Disconnected,
    Grounding,
    HearEvent,
    Problem,
    TurnEnded,
)
from pyai_voice.hear import HearStream

from ._arguments import HearSettings, hear_settings
from ._memory import TurnMemory
from ._refusal import Refusal
from ._sound import Clock, MonoInput
from ._words import Segment, empty_final, to_api_error, to_livekit
from .log import logger

__all__ = ["SpeechStream"]

_USAGE_INTERVAL = 5.0
"""Seconds between two reports of usage."""
_SLOWEST = 4.0
"""How many seconds of waiting audio the core sends in a second, at least."""


class SpeechStream(stt.RecognizeStream):
    """One live transcription. Frames go straight to the core, which never waits: no task wakes for each frame."""

    def __init__(
        self, *, stt: stt.STT[Any], hear: HearStream, refusal: Refusal, conn_options: APIConnectOptions
    ) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType] - LiveKit leaves its STT's type argument open
            stt=stt, conn_options=conn_options
        )
        self.memory = TurnMemory()
        """What was said here lately, for the language model and the turn detector."""
        self.opened = time.monotonic()
        """When, in monotonic time."""
        self._owner = stt
        self._hear = hear
        self._refusal = refusal
        self._refused = refusal.current(hear.options)
        self._sound = MonoInput(hear.options.sample_rate)
        self._clock = Clock(hear.options.sample_rate)
        self._segment = Segment(self._clock, authority=hear.options.turns.authority)
        self._input_ended = asyncio.Event()
        self._commits = 0
        self._connected = False
        self._reported = 0.0

    def push_frame(self, frame: rtc.AudioFrame) -> None:
        """Take audio of any rate and number of channels."""
        self._check_open()
        self._send(self._sound.feed(frame))

    def flush(self) -> None:
        """Ask for the final transcript of what was pushed so far."""
        self._check_open()
        self._send(self._sound.flush())
        if self._hear.commit():
            self._commits += 1
        elif not self._commits:
            self._event_ch.send_nowait(empty_final(self._segment))

    def end_input(self) -> None:
        """End the audio; the iteration ends after the last final transcript."""
        self._check_open()
        self._send(self._sound.flush())
        self._input_ch.close()
        self._input_ended.set()

    def update_options(self, **settings: Unpack[HearSettings]) -> None:
        """Change options of this stream only. Raises ValueError for a wrong value."""
        self._hear.update(**hear_settings(settings, self._hear.options.cue))

    async def aclose(self) -> None:
        """Close now; words that are not final yet are not waited for."""
        await super().aclose()
        await self._hear.aclose()  # the base cancels its task, which may not have taken its first step

    async def _run(self) -> None:
        refused = self._refused
        failure = to_api_error(refused, retryable=False) if refused else await self._converse()
        if failure is not None:
            raise failure  # outside every except block, so that it brings no context

    async def _converse(self) -> APIError | None:
        """Forward events to the end; return why it failed. The core has retried: LiveKit must not do it again."""
        self._clock.offset = self.start_time_offset
        self._anchor()
        companion = asyncio.create_task(self._accompany(), name="pyai-hear-companion")
        try:
            self._hear.start()
            async for event in self._hear:
                self._take(event)
        except PyAIError as error:
            self._refusal.note(error, self._hear.options)
            return to_api_error(error, retryable=False)
        except Exception as error:  # noqa: BLE001 - outermost line of the task: LiveKit survives nothing but APIError
            logger.error("Hear stream failed unexpectedly", exc_info=error)
            return APIError(f"The Hear stream failed unexpectedly ({type(error).__name__})", retryable=False)
        finally:
            self._report_usage()
            await utils.aio.cancel_and_wait(companion)
            await self._hear.aclose()
        return None

    async def _accompany(self) -> None:
        """Report usage now and then; when the input has ended, have the last words recognised."""
        while not await self._ended_within(_USAGE_INTERVAL):
            self._report_usage()
        await self._hear.drain(self._conn_options.timeout + self._clock.ahead / _SLOWEST)

    async def _ended_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._input_ended.wait()
        except TimeoutError:
            return False

    def _check_open(self) -> None:
        self._check_input_not_ended()
        self._check_not_closed()

    def _send(self, pcm: bytes) -> None:
        if not pcm or self._refused or self._hear.closed:
            return
        self._hear.send_audio(pcm)
        starting = not self._clock.began
        self._clock.advance(len(pcm))
        if starting:
            self._anchor()

    def _anchor(self) -> None:
        """Tell LiveKit when the first sample came; its own anchor is when the stream was opened."""
        self.start_time = self._clock.began or self.start_time

    def _take(self, event: HearEvent) -> None:
        match event:
            case Connected(took=took):
                self._connected = True
                self._report_connection_acquired(took, connection_reused=False)
            case ConfigAcknowledged(session_id=session_id, warnings=warnings):
                self._segment.request_id = session_id or self._segment.request_id
                for warning in warnings:
                    logger.warning("Hear: %s", warning)
            case Disconnected(error=error) if error.code == "options":
                logger.debug("Hear reconnects with new options")
            case Disconnected(error=error) | Problem(error=error):
                self._complain(error)
            case AudioLost(seconds=seconds):
                self._lose(seconds)
            case _:
                self._forward(event)

    def _forward(self, event: HearEvent) -> None:
        self.memory.note(event, time.monotonic())
        for speech_event in to_livekit(event, self._segment):
            self._event_ch.send_nowait(speech_event)
        if isinstance(event, Grounding):
            self._owner.emit("grounding", event)
        if isinstance(event, TurnEnded):
            self._commits = max(0, self._commits - event.committed)
            self._report_usage()  # a session that closes stops counting before it closes its stream

    def _lose(self, seconds: float) -> None:
        self._reported += seconds
        if not self._hear.closed or self._input_ended.is_set():  # else the error that ends the stream says enough
            self._complain(ConnectivityError(f"{seconds:.1f} s of audio could not be sent and are lost"))

    def _complain(self, error: PyAIError) -> None:
        """Tell the application what the stream survives."""
        logger.warning("Hear goes on after: %s", error)
        self._emit_error(to_api_error(error), recoverable=True)

    def _report_usage(self) -> None:
        """Report the audio that came since the last report; what is sent again after a drop counts once."""
        seconds = self._clock.position - self._reported
        if seconds <= 0 or not self._connected:
            return
        self._reported += seconds
        self._event_ch.send_nowait(
            stt.SpeechEvent(
                type=stt.SpeechEventType.RECOGNITION_USAGE,
                request_id=self._segment.request_id,
                recognition_usage=stt.RecognitionUsage(audio_duration=seconds),
            )
        )
