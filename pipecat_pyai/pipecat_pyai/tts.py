"""Speak as a Pipecat service: sentences in, audio out, the next sentence fetched while the current one comes.

    run_tts --> Line: two sentences, each with its own request --> audio context of TTSService --> pipeline

``run_tts`` only starts a request; a task of ours feeds the audio context in order. So TTSService must not close the
context by itself (it asks for that with ``flush_audio``), and what it appends waits behind the audio it belongs to.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any

from loguru import logger
from pipecat.frames.frames import (
    AggregatedTextFrame,
    EndFrame,
    Frame,
    StartFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessorSetup
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TTSService
from pipecat.transcriptions.language import Language
from pipecat.utils.errors import ErrorCategory
from pipecat.utils.tracing.service_decorators import traced_tts
from pydantic import SecretStr

from pyai_voice.client import Client
from pyai_voice.errors import ConfigurationError, ProtocolError, PyAIError
from pyai_voice.options import SpeakOptions
from pyai_voice.speak import SpeakClient

from ._arguments import check_settings
from ._closing import Closing
from ._line import Line, Sentence
from ._words import to_category, to_iso639, to_local_category
from .settings import PyAITTSSettings

__all__ = ["PyAIHttpTTSService", "PyAITTSService"]

_PLACES = 2
"""Sentences with a request at a time: the one that is being heard and the next."""
_LONGEST_PAUSE = 30.0
"""Seconds without audio after which TTSService closes a context; a request that is tried again takes up to 16 s."""
_PAUSE = 0.02
"""Seconds of silence for a text without a word: a context without audio would count as a failure."""
_ABOUT_THE_TEXT = frozenset({"empty_text", "invalid_request", "payload_too_large"})
"""Codes by which one text is refused, not the service's settings."""


class PyAITTSService(Closing, TTSService):
    """Text to speech with PyAI Speak: pcm at the pipeline's rate, streamed, one request for each sentence.

    Connections are pooled and kept warm by :class:`~pyai_voice.speak.SpeakClient`, which also tries again while no
    audio has come. A sentence that fails is one error; its text does not enter the LLM's context.
    """

    Settings = PyAITTSSettings
    _settings: PyAITTSSettings  # pyright: ignore[reportIncompatibleVariableOverride] - Pipecat's pattern for settings

    def __init__(
        self,
        *,
        voice: str | None = None,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        model: str = "pyai-speak",
        sample_rate: int | None = None,
        insecure: bool = False,
        client: Client | None = None,
        aiohttp_session: object | None = None,
        settings: PyAITTSSettings | None = None,
        **kwargs: Any,
    ) -> None:
        """Prepare the service; it connects when the pipeline is set up.

        Args:
            voice: Voice id; None takes PyAI's default. ``settings`` goes before it.
            api_key: Defaults to the environment variable ``PYAI_API_KEY``.
            base_url: Defaults to ``PYAI_BASE_URL``, else to PyAI's.
            model: Synthesiser; ``settings`` goes before it.
            sample_rate: Samples a second, 8000 to 48000; None takes the pipeline's.
            insecure: Allow http to a machine that is not this one.
            client: In the place of ``api_key`` and ``base_url``: its connections are used, and stay open.
            aiohttp_session: Accepted for compatibility, not used.
            settings: What can also be changed later, with ``TTSUpdateSettingsFrame``.
            **kwargs: For TTSService.

        Raises:
            ConfigurationError: A ValueError: the key is missing, or an option is wrong.
        """
        check_settings("PyAITTSService", settings, PyAITTSSettings, kwargs)
        self._client = Client.for_host(client, api_key, base_url, insecure=insecure)
        complete = PyAITTSSettings.complete(model, voice, settings)
        complete.options(sample_rate or 24000)
        kwargs = {
            "push_start_frame": True,
            "push_stop_frames": True,
            "stop_frame_timeout_s": _LONGEST_PAUSE,
            "max_consecutive_zero_audio_contexts": 0,  # each silent request is an error of its own, with its category
            **kwargs,
        }
        super().__init__(sample_rate=sample_rate, settings=complete, **kwargs)
        self._speaker: SpeakClient | None = None
        self._line = Line(_PLACES)
        self._latest: Sentence | None = None
        self._tasks: list[asyncio.Task[Any]] = []
        if aiohttp_session is not None:
            logger.debug(f"{self}: aiohttp_session is not used, the service pools its own connections")

    def can_generate_metrics(self) -> bool:
        """Tell Pipecat that there are metrics: TTFB for each request, usage."""
        return True

    @property
    def supports_processing_metrics(self) -> bool:
        """False: ``run_tts`` only hands over, so its duration says nothing."""
        return False

    def language_to_service_language(self, language: Language) -> str | None:
        """Return the ISO 639-1 code, without a region."""
        return to_iso639(language)

    async def setup(self, setup: FrameProcessorSetup) -> None:
        """Begin to connect. Raises ConfigurationError where the pipeline's sample rate cannot be used."""
        await super().setup(setup)
        self._settings.options(self.sample_rate)
        self._speaker = self._client.speaker()
        self._tasks.append(self.create_task(self._speaker.prewarm(), "pyai_speak_prewarm"))

    async def start(self, frame: StartFrame) -> None:
        """Begin to speak what is in line."""
        await super().start(frame)
        self._tasks.append(self.create_task(self._speak_all(), "pyai_speak"))

    async def stop(self, frame: EndFrame) -> None:
        """Let everything be heard that was asked for, then close."""
        for context_id in self.get_audio_contexts():
            await self.remove_audio_context(context_id)
        await super().stop(frame)

    @traced_tts
    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Request the audio of a text, as soon as at most one other is waiting to be heard."""
        if self._speaker is None:
            return
        await self._line.place()
        sentence = self._latest = Sentence(text, context_id)
        request = self._fetch(sentence, self._speaker, self._settings.options(self.sample_rate))
        sentence.fetching = self.create_task(request, "pyai_speak_request")
        self._line.join(sentence)
        yield None

    async def flush_audio(self, context_id: str | None = None) -> None:
        """Close the context of a finished turn, behind its audio."""
        await self.remove_audio_context(context_id)

    async def append_to_audio_context(self, context_id: str | None, frame: Any) -> None:
        """Let what TTSService appends wait behind the audio it belongs to; leave out text that was not spoken."""
        if self._line.put_behind(frame, context_id):
            return
        spoken = self.is_usable and (self._latest is None or self._latest.spoken)
        if spoken or not isinstance(frame, TTSTextFrame):
            await super().append_to_audio_context(context_id, frame)

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        """Let text that is not to be spoken wait behind the audio before it, as the spoken text does."""
        if (
            isinstance(frame, AggregatedTextFrame)
            and not frame.will_be_spoken
            and "pyai_in_order" not in frame.metadata
        ):
            frame.metadata["pyai_in_order"] = True
            if self._line.put_behind(frame):
                return
        await super().push_frame(frame, direction)

    async def on_audio_context_interrupted(self, context_id: str) -> None:
        """End the requests of an interrupted context."""
        self._line.drop(context_id)
        await super().on_audio_context_interrupted(context_id)

    async def _update_settings(self, delta: TTSSettings) -> dict[str, Any]:
        try:
            self._settings.with_changes(delta).options(self.sample_rate or 24000)
        except ConfigurationError as error:
            await self.push_error(f"Settings unchanged: {error}", error, category=ErrorCategory.APPLICATION)
            return {}
        changed = await super()._update_settings(delta)
        self._warn_unhandled_updated_settings(self._settings.unknown(changed))
        return changed

    async def _fetch(self, sentence: Sentence, client: SpeakClient, options: SpeakOptions) -> None:
        """Put a sentence's audio into it as it comes."""
        try:
            if not any(map(str.isalnum, sentence.text)):
                sentence.add(bytes(2 * int(options.sample_rate * _PAUSE)))
            elif self.is_usable:
                await self._request(sentence, client, options)
            else:  # it became so while the sentence waited for its place
                return
            sentence.spoken = True
        except PyAIError as error:
            sentence.error = error
        finally:
            sentence.end()

    async def _request(self, sentence: Sentence, client: SpeakClient, options: SpeakOptions) -> None:
        began, heard = time.time(), False
        async with client.stream(sentence.text, options) as speech:
            async for pcm in speech:
                if not heard:
                    sentence.ttfb, heard = (began, time.time()), True
                sentence.add(pcm)
        if not heard:
            raise ProtocolError("Speak sent no audio", code="empty_audio", request_id=speech.request_id)

    async def _speak_all(self) -> None:
        while True:
            sentence = await self._line.next()
            await self._speak(sentence)
            self._line.leave(sentence)

    async def _speak(self, sentence: Sentence) -> None:
        """Append a sentence's audio to its context, then what belongs behind it."""
        async for pcm in sentence.audio():
            await self._measure(sentence)
            frame = TTSAudioRawFrame(pcm, self.sample_rate, 1, context_id=sentence.context_id)
            await super().append_to_audio_context(sentence.context_id, frame)
        if sentence.error:
            await self._fail(sentence.error)
        while sentence.behind:
            frame = sentence.behind.popleft()
            if sentence.spoken or not isinstance(frame, TTSTextFrame):
                await super().append_to_audio_context(sentence.context_id, frame)

    async def _measure(self, sentence: Sentence) -> None:
        """Report a request's time to first byte, when its audio begins to be played: TTFA is measured from there."""
        if sentence.ttfb is None:
            return
        (began, ended), sentence.ttfb = sentence.ttfb, None
        await self.start_ttfb_metrics(start_time=began)
        await self.stop_ttfb_metrics(end_time=ended)
        await self.start_tts_usage_metrics(sentence.text)

    async def _fail(self, error: PyAIError) -> None:
        await self.cancel_ttfb_metrics()
        if self.is_usable:  # what ended the service was said once
            about_text = isinstance(error, ConfigurationError) or error.code in _ABOUT_THE_TEXT
            category = to_local_category(error) if about_text else to_category(error)
            await self.push_error(str(error), error, category=category)

    async def _close(self) -> None:
        self._speaker = None
        tasks, self._tasks = self._tasks, []
        for task in [*tasks, *(sentence.fetching for sentence in self._line.sentences)]:
            if task:
                await self.cancel_task(task)
        await self._client.aclose()


PyAIHttpTTSService = PyAITTSService
"""Pipecat's naming convention for a service over HTTP."""
