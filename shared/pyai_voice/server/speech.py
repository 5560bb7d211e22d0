"""Speak: ``POST /v1/audio/speech``.

Source: protocol of PyAI, "Speak". What cannot be done is refused before the first byte; a failure after it breaks
the connection, so that a cut body is never taken for a whole one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from ..errors import service_error
from . import openai_names
from .auth import authorize, spend
from .catalog import SPEAK_MODELS, check_model
from .encode import FORMATS, Format, Stream, encode_file
from .limits import limited
from .resources.clones import voice_to_speak

if TYPE_CHECKING:
    from .engines import Synthesizer
    from .settings import Settings

__all__ = ["speech"]


class VoiceId(BaseModel):
    """A voice as OpenAI's clients write one that is not OpenAI's own."""

    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    id: str


class SpeechRequest(BaseModel):
    """The JSON body. ``seed`` and ``temperature`` have no effect; fields that are not known are ignored."""

    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    input: str
    model: str = "pyai-voice"
    voice: str | VoiceId | None = None
    response_format: str = "mp3"
    sample_rate: int | None = None
    speed: float = Field(1.0, allow_inf_nan=False)

    @property
    def voice_id(self) -> str:
        """The voice; "" for the default one."""
        return self.voice.id if isinstance(self.voice, VoiceId) else self.voice or ""


async def speech(request: Request) -> Response:
    """Serve ``POST /v1/audio/speech``."""
    state = request.app.state
    key = authorize(request, "speak:synthesize")
    wanted = await _read(limited(request, state.settings.max_body))
    target, rate = _check(wanted, state.engines.synthesizer, state.settings)
    await voice_to_speak(state.stores, key, state.engines.synthesizer, wanted.voice_id)
    async with AsyncExitStack() as held:
        held.enter_context(state.requests.take())
        await spend(request, key)
        pcm = state.engines.synthesizer.stream(wanted.input, wanted.voice_id, wanted.speed)
        await held.enter_async_context(aclosing(pcm))
        first = await anext(pcm, b"")  # here, so that a busy engine is still an error answer
        return await _respond(target, state.engines.synthesizer.rate, rate, first, pcm, held)


async def _respond(
    target: Format, source_rate: int, rate: int, first: bytes, pcm: AsyncIterator[bytes], held: AsyncExitStack
) -> Response:
    headers = {"x-pyai-format": target.name, "x-pyai-sample-rate": str(rate)}
    if target.codec:
        whole = first + b"".join([chunk async for chunk in pcm])
        body = await asyncio.to_thread(encode_file, whole, target, source_rate, rate)
        return Response(body, headers=headers, media_type=target.content_type)
    body = _stream(Stream(target, source_rate, rate), first, pcm)
    return _HoldingResponse(body, headers, target.content_type, held.pop_all())


async def _stream(stream: Stream, first: bytes, pcm: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield stream.head + stream.feed(first)
    async for chunk in pcm:
        yield stream.feed(chunk)
    yield stream.feed(b"", last=True)


class _HoldingResponse(StreamingResponse):
    """A streamed answer that holds its slot and its synthesis until it is sent or the client has gone."""

    def __init__(
        self, body: AsyncIterator[bytes], headers: dict[str, str], media_type: str, held: AsyncExitStack
    ) -> None:
        super().__init__(body, headers=headers, media_type=media_type)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._held:
            await super().__call__(scope, receive, send)


async def _read(request: Request) -> SpeechRequest:
    body = await request.body()
    try:
        return SpeechRequest.model_validate_json(body)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
    raise service_error(_complaint(fault["loc"], fault["msg"]), code="invalid_request")


def _complaint(where: tuple[int | str, ...], what: str) -> str:
    return f"{where[0]}: {what}" if where else f"Expected a JSON object with an input text: {what}"


def _check(wanted: SpeechRequest, synthesizer: Synthesizer, settings: Settings) -> tuple[Format, int]:
    check_model(wanted.model, SPEAK_MODELS | openai_names.SPEAK)
    target = FORMATS.get(wanted.response_format)
    if target is None:
        raise service_error(
            f"response_format: expected one of {', '.join(FORMATS)}, got {wanted.response_format[:40]!r}",
            code="unsupported_format",
        )
    _check_text(wanted.input, settings.max_text)
    slowest, fastest = synthesizer.speeds
    if not slowest <= wanted.speed <= fastest:
        raise service_error(f"speed: expected {slowest} to {fastest}, got {wanted.speed}", code="unsupported_parameter")
    return target, target.rate_for(wanted.sample_rate)


def _check_text(text: str, longest: int) -> None:
    if not text.strip():
        raise service_error("input: the text is empty", code="invalid_request")
    if len(text) > longest:
        raise service_error(
            f"input: at most {longest} characters, got {len(text)}; send it in parts", code="invalid_request"
        )
