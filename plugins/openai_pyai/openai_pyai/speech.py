"""``POST /v1/audio/speech`` in front of Speak.

Source: OpenAI, "Create speech". ``instructions`` is dropped, as is every field that is not known; ``speed`` 1 is not
sent on, because PyAI may refuse the field.
"""

from __future__ import annotations

import base64
import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from pyai_voice.client import Client
from pyai_voice.errors import service_error
from pyai_voice.exchange import Timeouts
from pyai_voice.options import SpeakOptions, SpeechFormat
from pyai_voice.protocol.speak import MEDIA_TYPES
from pyai_voice.server.door import Reply
from pyai_voice.speak import Speech

from .names import speak_model
from .options import FrontOptions

__all__ = ["SpeechContract", "SpeechRequest"]

_CONNECT = 5.0


class _Voice(BaseModel):
    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    id: str


class SpeechRequest(BaseModel):
    """The JSON body. ``sample_rate`` is PyAI's own: of pcm and wav; OpenAI's is 24000."""

    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    input: str
    model: str = "pyai-speak"
    voice: str | _Voice | None = None
    response_format: SpeechFormat = "mp3"
    speed: float = Field(1.0, allow_inf_nan=False)
    sample_rate: int = 24000
    stream_format: Literal["audio", "sse"] = "audio"


class SpeechContract:
    """Speaks."""

    name = "speech"

    def __init__(self, options: FrontOptions) -> None:
        self.largest = options.max_body
        self._options = options
        self._timeouts = Timeouts(_CONNECT, options.first_byte, options.gap)

    async def read(self, request: Request) -> SpeechRequest:
        """Return what is to be spoken."""
        wanted = _parse(await request.body())
        if not wanted.input.strip():
            raise service_error("input: the text is empty", code="invalid_request")
        if len(wanted.input) > self._options.max_text:
            raise service_error(
                f"input: at most {self._options.max_text} characters, got {len(wanted.input)}; send it in parts",
                code="invalid_request",
            )
        return wanted

    async def answer(self, asked: SpeechRequest, client: Client, reply: Reply) -> None:
        """Pass the audio on as it comes."""
        options = self._speak_options(asked)
        speaker = client.speaker(timeouts=self._timeouts, retry_window=self._options.retry_window)
        async with speaker.stream(asked.input, options) as speech:
            if asked.stream_format == "sse":
                await _tell(speech, reply)
            else:
                await _relay(speech, reply)

    def _speak_options(self, asked: SpeechRequest) -> SpeakOptions:
        name = asked.voice.id if isinstance(asked.voice, _Voice) else asked.voice
        return SpeakOptions(
            model=speak_model(asked.model),
            voice=self._options.voices.get(name, name) if name else None,
            response_format=asked.response_format,
            sample_rate=asked.sample_rate,
            speed=None if asked.speed == 1.0 else asked.speed,
        )


async def _relay(speech: Speech, reply: Reply) -> None:
    await reply.begin(MEDIA_TYPES[speech.format])
    async for audio in speech:
        await reply.write(audio)
    await reply.end()


async def _tell(speech: Speech, reply: Reply) -> None:
    """Send the audio as OpenAI's events; there are no tokens to count."""
    await reply.begin("text/event-stream")
    async for audio in speech:
        await reply.write(_event({"type": "speech.audio.delta", "audio": base64.b64encode(audio).decode()}))
    usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    await reply.write(_event({"type": "speech.audio.done", "usage": usage}))
    await reply.end()


def _event(content: object) -> bytes:
    return b"data: " + json.dumps(content).encode() + b"\n\n"


def _parse(body: bytes) -> SpeechRequest:
    try:
        return SpeechRequest.model_validate_json(body)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = f"{fault['loc'][0]}: " if fault["loc"] else "Expected a JSON object with an input text: "
    raise service_error(f"{where}{fault['msg']}", code="invalid_request")
