"""Whole recordings to text, for ``STT.recognize``.

Above: :mod:`.stt`. Below: the core's Client. The service bills each request it takes up, so only a refused one
is worth another attempt.
"""

from __future__ import annotations

from collections.abc import Iterable

from livekit import rtc
from livekit.agents import LanguageCode, stt, utils

from pyai_voice.audio import AudioFormat
from pyai_voice.client import Client
from pyai_voice.errors import PyAIError, RateLimitError, ServerError
from pyai_voice.exchange import NOTHING_SENT
from pyai_voice.options import HearOptions
from pyai_voice.rest.audio import Transcription

from ._sound import MonoInput
from ._words import DEFAULT_LANGUAGE

__all__ = ["Recordings", "is_refusal"]


class Recordings:
    """Sends recordings over a client's connections, opened when they are needed."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def recognize(self, buffer: utils.AudioBuffer, options: HearOptions, patience: float) -> stt.SpeechEvent:
        """Return the words of LiveKit's frames; wait ``patience`` seconds beyond their length. Raises PyAIError."""
        frames = [buffer] if isinstance(buffer, rtc.AudioFrame) else buffer
        pcm = _mono(frames, options.sample_rate)
        seconds = AudioFormat(options.sample_rate).seconds(len(pcm))
        heard = await self._client.audio.transcribe(pcm, options, rate=options.sample_rate, timeout=patience + seconds)
        return _event(heard, options, seconds)


def is_refusal(error: PyAIError) -> bool:
    """Tell whether the service did not take up the request and may do so later."""
    refused = isinstance(error, RateLimitError | ServerError) or error.code in NOTHING_SENT
    return error.retryable and refused


def _mono(frames: Iterable[rtc.AudioFrame], rate: int) -> bytes:
    sound = MonoInput(rate)
    return b"".join([*map(sound.feed, frames), sound.flush()])


def _event(heard: Transcription, options: HearOptions, seconds: float) -> stt.SpeechEvent:
    language = LanguageCode(heard.language or options.language or DEFAULT_LANGUAGE)
    data = stt.SpeechData(language=language, text=heard.text.strip(), end_time=seconds)
    return stt.SpeechEvent(
        type=stt.SpeechEventType.FINAL_TRANSCRIPT, request_id=heard.request_id or "", alternatives=[data]
    )
