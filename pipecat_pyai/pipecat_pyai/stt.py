"""Hear as a Pipecat service: audio in, transcripts and proposed turns out.

Reconnecting, replaying and keeping the audio meanwhile is the work of :class:`~pyai_voice.hear.HearStream`; here its
events become frames, and one unrecoverable error of a stream becomes one error of the service.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from loguru import logger
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InputAudioRawFrame,
    ProposedUserStartedSpeakingFrame,
    ProposedUserStoppedSpeakingFrame,
    StartFrame,
    STTMetadataFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessorSetup
from pipecat.services.settings import STTSettings
from pipecat.transcriptions.language import Language
from pipecat.utils.errors import ErrorCategory
from pipecat.utils.tracing.service_decorators import traced_stt
from pydantic import SecretStr

from pyai_voice.errors import ConfigurationError, PyAIError
from pyai_voice.events import (
    AudioLost,
    Grounding,
    HearEvent,
    SpeechStarted,
    Transcript,
    TurnEnded,
)
from pyai_voice.hear import HearStream
from pyai_voice.options import Endpoint, HearOptions, LinkOptions

from ._connection import ConnectionReports
from ._words import to_frame, to_iso639
from .settings import PyAISTTSettings
from .turns import user_turn_strategies

__all__ = ["PyAISTTService"]

TTFS_P99 = 0.5
"""Seconds from the end of speech to its final transcript that turn strategies should allow for.

Measured with the local server on 41 human utterances, two busy cores, Pipecat's VAD with ``stop_secs=0.2``:
median 0.34, longest 0.52.
"""
_DRAIN = 1.5
"""Seconds that the end of a call may wait for its last words."""


class PyAISTTService(ConnectionReports):
    """Streaming speech to text with PyAI Hear.

    With ``vad_force_turn_endpoint=True`` Pipecat decides when the user has finished: each time its VAD hears the end
    of speech, the transcript is asked for and comes ``finalized``. With ``False`` PyAI decides: turns are proposed
    with ``ProposedUserStarted/StoppedSpeakingFrame``, and the strategies that obey are recommended to the aggregator.

    Events besides those of STTService: ``on_reconnected(service, seconds_replayed)`` and
    ``on_grounding(service, grounding)``.
    """

    Settings = PyAISTTSettings
    _settings: PyAISTTSettings  # pyright: ignore[reportIncompatibleVariableOverride] - Pipecat's pattern for settings

    def __init__(
        self,
        *,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        model: str = "pyai-hear",
        language: Language | str | None = None,
        sample_rate: int | None = None,
        vad_force_turn_endpoint: bool = True,
        should_interrupt: bool = True,
        ttfs_p99_latency: float | None = TTFS_P99,
        link: LinkOptions | None = None,
        settings: PyAISTTSettings | None = None,
        **kwargs: Any,
    ) -> None:
        """Prepare the service; it connects when the pipeline is set up.

        Args:
            api_key: Defaults to the environment variable ``PYAI_API_KEY``.
            base_url: Defaults to ``PYAI_BASE_URL``, else to PyAI's.
            model: Recogniser; ``settings`` goes before it.
            language: Language or code; None lets PyAI detect it. ``settings`` goes before it.
            sample_rate: Samples a second, 8000 to 48000; None takes the pipeline's.
            vad_force_turn_endpoint: Whether Pipecat's VAD ends a turn (True) or PyAI does (False).
            should_interrupt: Whether a turn that PyAI starts interrupts the bot.
            ttfs_p99_latency: What turn strategies should allow for, in seconds.
            link: How patient the connection is.
            settings: What can also be changed later, with ``STTUpdateSettingsFrame``.
            **kwargs: For STTService.

        Raises:
            ConfigurationError: A ValueError: the key is missing, or an option is wrong.
        """
        self._endpoint = Endpoint.from_env(api_key, base_url)
        complete = PyAISTTSettings.complete(model, language, settings)
        HearOptions(sample_rate=sample_rate or 16000, **complete.options())
        kwargs.setdefault("enable_direct_mode", True)  # nothing here waits, so frames need not queue up
        super().__init__(sample_rate=sample_rate, ttfs_p99_latency=ttfs_p99_latency, settings=complete, **kwargs)
        self._vad_ends_turn = vad_force_turn_endpoint
        self._should_interrupt = should_interrupt
        self._link = link
        self._stream: HearStream | None = None
        self._listener: asyncio.Task[None] | None = None
        self._running = False
        self._turn_proposed = False
        self._commits = 0
        self._refused_audio = False
        self._register_event_handler("on_grounding")

    def can_generate_metrics(self) -> bool:
        """Tell Pipecat that there are metrics: TTFB and usage."""
        return True

    @property
    def supports_ttfs(self) -> bool:
        """Whether there is a wait between Pipecat's end of speech and the transcript: not where PyAI owns the turn."""
        return self._vad_ends_turn

    def service_metadata_frame(self) -> STTMetadataFrame:
        """Recommend that PyAI's turns be obeyed, where it owns them."""
        frame = super().service_metadata_frame()
        if not self._vad_ends_turn:
            frame.user_turn_strategies = user_turn_strategies(enable_interruptions=self._should_interrupt)
        return frame

    def language_to_service_language(self, language: Language) -> str | None:
        """Return the ISO 639-1 code, without a region."""
        return to_iso639(language)

    async def setup(self, setup: FrameProcessorSetup) -> None:
        """Begin to connect. Raises ConfigurationError where the pipeline's sample rate cannot be used."""
        await super().setup(setup)
        self._open()

    async def start(self, frame: StartFrame) -> None:
        """Begin to report: earlier frames would come before the StartFrame."""
        await super().start(frame)
        self._running = True
        self._listen()

    async def stop(self, frame: EndFrame) -> None:
        """Wait a little for the last words, then close."""
        self._running = False
        stream, listener = self._stream, self._listener
        if stream and listener:
            await stream.drain(_DRAIN)
            await asyncio.wait([listener], timeout=_DRAIN)
        await super().stop(frame)
        await self._close()

    async def cancel(self, frame: CancelFrame) -> None:
        """Close now."""
        await super().cancel(frame)
        await self._close()

    async def cleanup(self) -> None:
        """Close, whatever came before."""
        await super().cleanup()
        await self._close()

    async def set_usable(self, is_usable: bool) -> None:
        """Open a new stream when the service is given another chance."""
        await super().set_usable(is_usable)
        if is_usable and self._running and self._stream is None:
            self._open()
            self._listen()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Ask for the transcript when Pipecat's VAD hears the end of speech."""
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame) and self._vad_ends_turn:
            self._commit()

    async def process_audio_frame(self, frame: InputAudioRawFrame, direction: FrameDirection) -> None:
        """Send audio; silence while muted, because Hear ends an utterance by the silence that it hears."""
        if frame.num_channels != 1 or frame.sample_rate != self.sample_rate:
            await self._refuse_audio(frame)
        elif self.is_muted:
            self._send(bytes(len(frame.audio)))
        else:
            await super().process_audio_frame(frame, direction)

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        """Hand over audio; never waits. Transcripts are pushed when they come."""
        self._send(audio)
        yield None

    @traced_stt
    async def _handle_transcription(self, transcript: str, is_final: bool, language: Language | None = None) -> None:
        """Pipecat's tracing looks for this name."""

    async def _update_settings(self, delta: STTSettings) -> dict[str, Any]:
        try:
            HearOptions(**self._settings.with_changes(delta).options())
        except ConfigurationError as error:
            await self.push_error(f"Settings unchanged: {error}", error, category=ErrorCategory.APPLICATION)
            return {}
        changed = await super()._update_settings(delta)
        known = self._settings.options()
        self._warn_unhandled_updated_settings(changed.keys() - known.keys())
        if self._stream and not self._stream.closed:
            self._stream.update(**known)
        return changed

    def _open(self) -> None:
        options = HearOptions(sample_rate=self.sample_rate, **self._settings.options())
        self._stream = HearStream(self._endpoint, options, link=self._link)
        self._stream.start()

    async def _close(self) -> None:
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

    def _commit(self) -> None:
        if self._stream and self._stream.commit():
            self._commits += 1
        if self._commits:
            self.request_finalize()

    async def _refuse_audio(self, frame: InputAudioRawFrame) -> None:
        if not self._refused_audio:
            self._refused_audio = True
            await self.push_error(
                f"Audio with {frame.num_channels} channels at {frame.sample_rate} Hz was dropped: "
                f"this service takes mono at {self.sample_rate} Hz (sample_rate=, or the pipeline's)",
                category=ErrorCategory.APPLICATION,
            )

    def _listen(self) -> None:
        self._listener = self.create_task(self._report_all(), "pyai_hear_events")

    async def _report_all(self) -> None:
        """Report what one stream after the other says, until one is closed or its failure is final."""
        while (stream := self._stream) and (error := await self._report_stream(stream)):
            await self._fail(error)
            if not error.retryable:
                return

    async def _report_stream(self, stream: HearStream) -> PyAIError | None:
        try:
            async for event in stream:
                await self._report(event)
        except PyAIError as error:
            return error
        return None

    async def _fail(self, error: PyAIError) -> None:
        """Report the end of a stream, and go on with a new one if that can help."""
        self._commits = 0
        self._stream = None
        if error.retryable and self._running:
            self._open()
        await self._report_failure(error)

    async def _report(self, event: HearEvent) -> None:
        match event:
            case Transcript(final=True):
                await self._report_final(event)
            case Transcript(endpointed=False):  # with the end decided, the final says it
                await self.push_frame(to_frame(event, self._user_id))
            case SpeechStarted():
                await self._propose_start()
            case TurnEnded():
                await self._report_end(event)
            case Grounding():
                await self._call_event_handler("on_grounding", event)
            case AudioLost(seconds=seconds):
                await self._report_loss(f"{seconds:.1f} s of audio were lost")
            case _:
                await self._report_connection(event)

    async def _report_final(self, event: Transcript) -> None:
        frame = to_frame(event, self._user_id, finalized=not self._vad_ends_turn)
        if event.committed and self._commits == 1:  # not if more was committed since
            self.confirm_finalize()
        await self.emit_stt_usage_metrics()
        await self.push_frame(frame)
        await self._handle_transcription(event.text, True, frame.language)

    async def _propose_start(self) -> None:
        if not self._vad_ends_turn:
            self._turn_proposed = True
            await self.broadcast_frame(ProposedUserStartedSpeakingFrame)

    async def _report_end(self, event: TurnEnded) -> None:
        self._commits = max(0, self._commits - event.committed)
        if self._turn_proposed:
            self._turn_proposed = False
            await self.broadcast_frame(ProposedUserStoppedSpeakingFrame)
        if event.committed and not event.text and not self._commits:
            await self.stop_ttfb_metrics()  # no transcript will come to stop it

    async def _report_loss(self, loss: str) -> None:
        if self._stream and not self._stream.closed:
            await self.push_error(loss, category=ErrorCategory.CONNECTIVITY)
        else:  # an error tells why, or the call is over
            logger.warning(f"{self}: {loss}")
