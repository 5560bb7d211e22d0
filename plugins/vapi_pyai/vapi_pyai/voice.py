"""Custom voice: ``voice-request`` in, raw PCM out as Speak makes it.

Source: Vapi, "Custom TTS": mono, signed 16 bits, little-endian, exactly the rate that was asked for, no header.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from pyai_voice.audio import AudioFormat
from pyai_voice.client import Client
from pyai_voice.errors import PyAIError
from pyai_voice.options import SpeakOptions
from pyai_voice.speak import Speech

from .door import Asked, Reply
from .options import VapiOptions
from .refusals import Refusal, from_upstream
from .wire import RATES, VoiceRequest, parse

__all__ = ["CustomVoice"]

_PIECE = 0.02
"""Seconds of audio that are sent at once; less waits for more, or for the end."""
_SHARE = 0.8
"""Of the time that Vapi waits."""


class CustomVoice:
    """Speaks for Vapi."""

    def __init__(self, client: Client, options: VapiOptions) -> None:
        self._options = options
        self._speaker = client.speaker(retry_window=options.first_audio / 2)

    async def __call__(self, asked: Asked, reply: Reply) -> None:
        """Answer one request. Raises Refusal."""
        request = parse(VoiceRequest, asked.body)
        reply.call_id = request.call_id
        self._check(request)
        voice = asked.query.get("voice") or request.voice or self._options.speak.voice
        options = self._options.speak.replace(response_format="pcm", sample_rate=request.sampleRate, voice=voice)
        async with AsyncExitStack() as held:
            speech = await self._first_audio(held, request, options)
            await reply.begin(self._options.media_type)
            await _relay(speech, reply, AudioFormat(request.sampleRate).size(_PIECE))

    def _check(self, request: VoiceRequest) -> None:
        if not request.text.strip():
            raise Refusal(400, "message.text: there is nothing to say")
        if len(request.text) > self._options.max_text:
            raise Refusal(413, f"message.text: at most {self._options.max_text} characters, got {len(request.text)}")
        if request.sampleRate not in RATES:
            raise Refusal(400, f"message.sampleRate: expected one of {', '.join(map(str, RATES))}")

    async def _first_audio(self, held: AsyncExitStack, request: VoiceRequest, options: SpeakOptions) -> Speech:
        """Return the speech when its first audio is there."""
        patience = min(self._options.first_audio, _SHARE * (request.patience or self._options.first_audio / _SHARE))
        try:
            async with asyncio.timeout(patience):
                return await held.enter_async_context(self._speaker.stream(request.text, options))
        except PyAIError as error:
            refusal = from_upstream(error)
        except TimeoutError:
            refusal = Refusal(504, f"PyAI: no audio within {patience:g} s", 1.0)
        raise refusal


async def _relay(speech: Speech, reply: Reply, least: int) -> None:
    """Pass the audio on, at least ``least`` bytes at once. Raises Refusal when it breaks off."""
    waiting = bytearray()
    try:
        async for pcm in speech:
            waiting += pcm
            if len(waiting) >= least:
                await reply.write(bytes(waiting))
                waiting.clear()
                await asyncio.sleep(0)  # other calls first: audio that came at once need not leave at once
        broken = None
    except PyAIError as error:
        broken = from_upstream(error)
    if waiting:
        await reply.write(bytes(waiting))
    if broken:
        raise broken
    await reply.end()
