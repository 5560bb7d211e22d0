"""The voices of the engine, with a sample of each: ``/v1/voices``. Source: protocol of PyAI, "Other REST"."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel
from starlette.responses import Response

from ...audio import AudioFormat, wav_bytes
from ..catalog import find_voice
from ..engines import Synthesizer, Voice
from ..operations import Asked, Listed, Operation, Query

__all__ = ["operations"]

_ONE = "/v1/voices/{voice_id}"


class VoiceShown(BaseModel):
    """One voice."""

    object: Literal["voice"] = "voice"
    voice_id: str
    id: str
    """The same again."""
    name: str
    gender: str
    """F or M."""
    region: str
    age: str | None = None
    tone: str | None = None
    bio: str
    language: str
    avatar_url: str | None = None
    preview_url: str
    """A sample, as WAV; needs no key."""


class VoiceQuery(Query):
    """Which voices; capitals do not matter."""

    gender: str | None = None
    region: str | None = None


def _synthesizer(asked: Asked) -> Synthesizer:
    return asked.request.app.state.engines.synthesizer


async def _list(asked: Asked) -> Listed[VoiceShown]:
    query = asked.query(VoiceQuery)
    voices = [_shown(asked, each) for each in _synthesizer(asked).voices]
    for name in ("gender", "region"):
        if wanted := getattr(query, name):
            voices = [each for each in voices if getattr(each, name).lower() == wanted.lower()]
    return Listed(data=voices)


async def _get(asked: Asked) -> VoiceShown:
    return _shown(asked, find_voice(_synthesizer(asked), asked.path("voice_id"), "not_found"))


async def _preview(asked: Asked) -> Response:
    """Speak a sentence, and keep it: there are only so many voices."""
    synthesizer, state = _synthesizer(asked), asked.request.app.state
    voice = find_voice(synthesizer, asked.path("voice_id"), "not_found")
    if voice.voice_id not in state.previews:
        with state.requests.take():
            sentence = f"Hello, my name is {voice.name}. This is what I sound like."
            pcm = b"".join([chunk async for chunk in synthesizer.stream(sentence, voice.voice_id)])
        state.previews[voice.voice_id] = wav_bytes(pcm, AudioFormat(synthesizer.rate))
    return Response(state.previews[voice.voice_id], media_type="audio/wav")


def _shown(asked: Asked, voice: Voice) -> VoiceShown:
    return VoiceShown(
        voice_id=voice.voice_id,
        id=voice.voice_id,
        name=voice.name,
        gender=voice.gender,
        region=voice.language.partition("-")[2].upper(),
        bio=voice.bio,
        language=voice.language,
        preview_url=f"{asked.origin}/v1/voices/{voice.voice_id}/preview",
    )


operations = [
    Operation("GET", "/v1/voices", _list, query=VoiceQuery, answer=Listed[VoiceShown]),
    Operation("GET", _ONE, _get, answer=VoiceShown),
    Operation("GET", f"{_ONE}/preview", _preview, public=True, content="audio/wav"),
]
