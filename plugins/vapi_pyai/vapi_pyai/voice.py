"""Custom voice: ``voice-request`` in, raw PCM out as Speak makes it.

Source: Vapi, "Custom TTS": mono, signed 16 bits, little-endian, exactly the rate that was asked for, no header.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

from starlette.requests import Request

from pyai_voice.audio import AudioFormat
from pyai_voice.client import Client
from pyai_voice.errors import PyAIError, service_error
from pyai_voice.options import SpeakOptions
from pyai_voice.server.door import Reply
from pyai_voice.speak import Speech

from .options import VapiOptions
from .refusals import SOON, from_upstream
from .wire import RATES, VoiceRequest, parse

__all__ = ["CustomVoice"]

_PIECE, _LARGEST = 0.02, 0.5
"""Seconds of audio that are sent at once; less waits for more, or for the end. Each piece costs processor time."""
_AHEAD = 0.25
"""How much of the audio that the listener has not heard yet a piece may be: so it waits only while there is plenty."""
_SHARE = 0.8
"""Of the time that Vapi waits."""


class CustomVoice:
    """Speaks for Vapi."""

    def __init__(self, client: Client, options: VapiOptions) -> None:
        self._options = options
        self._speaker = client.speaker(retry_window=options.first_audio / 2)

    async def __call__(self, request: Request, reply: Reply) -> None:
        """Answer one request. Raises ServiceError."""
        asked = parse(VoiceRequest, await request.body())
        reply.remarks += asked.remarks
        self._check(asked)
        voice = request.query_params.get("voice") or asked.voice or self._options.speak.voice
        options = self._options.speak.replace(response_format="pcm", sample_rate=asked.sampleRate, voice=voice)
        async with AsyncExitStack() as held:
            speech = await self._first_audio(held, asked, options)
            await reply.begin(self._options.media_type)
            await _relay(speech, reply, AudioFormat(asked.sampleRate))

    def _check(self, asked: VoiceRequest) -> None:
        most, size = self._options.max_text, len(asked.text)
        if not asked.text.strip():
            raise service_error("message.text: there is nothing to say", code="invalid_request")
        if size > most:
            raise service_error(f"message.text: at most {most} characters, got {size}", code="payload_too_large")
        if asked.sampleRate not in RATES:
            rates = ", ".join(map(str, RATES))
            raise service_error(f"message.sampleRate: expected one of {rates}", code="invalid_request")

    async def _first_audio(self, held: AsyncExitStack, asked: VoiceRequest, options: SpeakOptions) -> Speech:
        """Return the speech when its first audio is there."""
        patience = min(self._options.first_audio, _SHARE * (asked.patience or self._options.first_audio / _SHARE))
        late = f"PyAI: no audio within {patience:g} s"
        try:
            async with asyncio.timeout(patience):
                return await held.enter_async_context(self._speaker.stream(asked.text, options))
        except PyAIError as error:
            refusal = from_upstream(error)
        except TimeoutError:
            refusal = service_error(late, code="upstream_error", status=504, retry_after=SOON)
        raise refusal


async def _relay(speech: Speech, reply: Reply, audio: AudioFormat) -> None:
    """Pass the audio on in pieces. Raises ServiceError when it breaks off."""
    waiting = bytearray()
    least, began = audio.size(_PIECE), time.monotonic()
    try:
        async for pcm in speech:
            waiting += pcm
            if len(waiting) >= least:
                await reply.write(bytes(waiting))
                waiting.clear()
                ahead = audio.seconds(reply.sent) - (time.monotonic() - began)
                least = audio.size(min(max(_PIECE, _AHEAD * ahead), _LARGEST))
                await asyncio.sleep(0)  # other calls first: audio that came at once need not leave at once
        broken = None
    except PyAIError as error:
        broken = from_upstream(error)
    if waiting:
        await reply.write(bytes(waiting))
    if broken:
        raise broken
    await reply.end()
