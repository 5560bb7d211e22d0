"""Hear on whole segments, for services that have no stream, such as AudioPod: one request for each thing said.

Pipecat's voice detector cuts the segments. Where the service streams, :class:`~.stt.PyAISTTService` is faster.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from pipecat.frames.frames import Frame, TranscriptionFrame
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import SegmentedSTTService
from pipecat.transcriptions.language import Language
from pipecat.utils.time import time_now_iso8601
from pipecat.utils.tracing.service_decorators import traced_stt
from pydantic import SecretStr

from pyai_voice.client import Client
from pyai_voice.errors import PyAIError
from pyai_voice.options import HearOptions

from ._closing import Closing
from ._words import to_category, to_iso639, to_language

__all__ = ["PyAISegmentedSTTService"]

_TTFS_P99 = 1.5
"""Seconds that turn strategies allow for; no service was measured."""


class PyAISegmentedSTTService(Closing, SegmentedSTTService):
    """Speech to text with ``POST /v1/audio/transcriptions``, of PyAI or any provider: ``client=Client(endpoint)``."""

    Settings = STTSettings

    def __init__(
        self,
        *,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        model: str = "pyai-hear",
        language: Language | str | None = None,
        prompt: str | None = None,
        insecure: bool = False,
        client: Client | None = None,
        timeout: float = 30.0,
        ttfs_p99_latency: float | None = _TTFS_P99,
        **kwargs: Any,
    ) -> None:
        """Prepare the service.

        Args:
            api_key: Defaults to the environment variable ``PYAI_API_KEY``.
            base_url: Defaults to ``PYAI_BASE_URL``, else to PyAI's.
            model: Recogniser; AudioPod chooses its own.
            language: Language or code; None lets the service detect it.
            prompt: Guides AudioPod; PyAI does not have it.
            insecure: Allow http to a machine that is not this one.
            client: In the place of ``api_key`` and ``base_url``: its connections are used, and stay open.
            timeout: Seconds for a segment.
            ttfs_p99_latency: What turn strategies should allow for, in seconds.
            **kwargs: For SegmentedSTTService.

        Raises:
            ConfigurationError: A ValueError: the key is missing, or an option is wrong.
        """
        own = Client.for_host(client, api_key, base_url, insecure=insecure)
        own.endpoint.provider.require("hear")
        settings = STTSettings(model=model, language=language or None)
        super().__init__(settings=settings, ttfs_p99_latency=ttfs_p99_latency, **kwargs)
        self._prompt = prompt
        self._patience = timeout
        self._client: Client | None = own

    def can_generate_metrics(self) -> bool:
        """Tell Pipecat that there are metrics: how long each request takes."""
        return True

    def language_to_service_language(self, language: Language) -> str | None:
        """Return the ISO 639-1 code, without a region."""
        return to_iso639(language)

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        """Write down one segment, a WAV file."""
        await self.start_processing_metrics()
        frame = await self._transcribe(audio)
        await self.stop_processing_metrics()
        if frame is not None:
            await self._handle_transcription(frame.text, True, frame.language)
            yield frame

    @traced_stt
    async def _handle_transcription(self, transcript: str, is_final: bool, language: Language | None = None) -> None:
        """Pipecat's tracing takes the arguments."""

    async def _transcribe(self, audio: bytes) -> TranscriptionFrame | None:
        """Return what was said; None where it was nothing, or the request failed."""
        if self._client is None:
            return None
        options = HearOptions(**{name: value for name, value in self._settings.given_fields().items() if name in _HEAR})
        try:
            heard = await self._client.audio.transcribe(audio, options, prompt=self._prompt, timeout=self._patience)
        except PyAIError as error:
            failure = error
        else:
            text, language = heard.text.strip(), to_language(heard.language or options.language)
            return TranscriptionFrame(text, self._user_id, time_now_iso8601(), language, heard) if text else None
        await self.push_error(str(failure), failure, category=to_category(failure))
        return None

    async def _close(self) -> None:
        client, self._client = self._client, None
        if client:
            await client.aclose()


_HEAR = frozenset({"model", "language"})
