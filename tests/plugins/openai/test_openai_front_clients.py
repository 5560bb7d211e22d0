"""Clients that speak OpenAI, with a base URL alone: at the front, and at the local server itself."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.audio import SpeechCreateParams, TranslationCreateParams
from openai.types.audio.transcription_create_params import TranscriptionCreateParamsBase

from pyai_voice.audio import AudioFormat, wav_bytes
from pyai_voice.testing import coded_speech, silence, spoken
from tests.plugins.openai.openai_front_house import HEARD, TEXT, WAV, House, house, reach

TWO_TURNS = wav_bytes(coded_speech(20) + silence(1.2) + coded_speech(20, 20), AudioFormat(16000))
HEADS = {"mp3": (b"ID3", b"\xff\xf3"), "opus": (b"OggS",), "aac": (b"\xff\xf1",), "flac": (b"fLaC",), "wav": (b"RIFF",)}
TRANSLATIONS_ARE_OLD = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # in OpenAI's package
FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")


@pytest.mark.parametrize("form", FORMATS)
async def test_speech_comes_in_every_format(there: AsyncOpenAI, form: Any) -> None:
    answer = await there.audio.speech.create(model="tts-1", voice="nova", input=TEXT, response_format=form)
    audio = answer.content
    assert audio.startswith(HEADS[form]) if form in HEADS else audio == spoken(TEXT)


async def test_pcm_streams_at_24_khz_under_the_defaults_of_a_new_model(there: AsyncOpenAI) -> None:
    request = there.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="marin", input=TEXT, response_format="pcm", instructions="Cheerful.", speed=1.0
    )
    async with request as response:
        assert response.headers["content-type"] == "audio/pcm"
        assert b"".join([piece async for piece in response.iter_bytes()]) == spoken(TEXT)


async def test_a_voice_may_be_an_object(there: AsyncOpenAI) -> None:
    answer = await there.audio.speech.create(
        model="tts-1", voice={"id": "stock_slope"}, input=TEXT, response_format="pcm"
    )
    assert answer.content == spoken(TEXT)


def test_every_parameter_of_openais_package_is_documented() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "openai.md").read_text("utf-8")
    asked = (SpeechCreateParams, TranscriptionCreateParamsBase, TranslationCreateParams)
    names = {"stream"}.union(*(each.__annotations__ for each in asked))
    assert {name for name in names if f"`{name}" not in page} == set()


async def test_a_recording_comes_in_every_form(there: AsyncOpenAI) -> None:
    ask = there.audio.transcriptions.create
    assert (await ask(file=("a.wav", WAV), model="whisper-1")).text == HEARD
    assert str(await ask(file=("a.wav", WAV), model="gpt-transcribe", response_format="text")).strip() == HEARD
    told = await ask(file=("a.wav", TWO_TURNS), model="whisper-1", response_format="verbose_json", language="en")
    assert told.duration == pytest.approx(2.0, abs=0.01)
    assert [(segment.id, segment.text) for segment in told.segments or []] == [(0, "0-19."), (1, "20-39.")]
    assert (told.text, told.language) == ("0-19. 20-39.", "en")
    srt = str(await ask(file=("a.wav", TWO_TURNS), model="whisper-1", response_format="srt"))
    assert srt.startswith("1\n00:00:00,")
    assert "20-39." in srt
    vtt = str(await ask(file=("a.wav", TWO_TURNS), model="whisper-1", response_format="vtt"))
    assert vtt.startswith("WEBVTT\n")


async def test_guidance_is_taken_or_dropped(there: AsyncOpenAI) -> None:
    told = await there.audio.transcriptions.create(
        file=("a.wav", WAV),
        model="gpt-transcribe",
        prompt="About frames.",
        temperature=0.2,
        keywords=["PyAI", "Hear, Cue"],
        languages=["en"],
        chunking_strategy={"type": "server_vad", "threshold": 0.5},
        timestamp_granularities=["segment"],
        extra_body={"a_field_of_days_to_come": "1"},
    )
    assert told.text == HEARD


@TRANSLATIONS_ARE_OLD
async def test_a_translation_is_english(there: AsyncOpenAI) -> None:
    assert (await there.audio.translations.create(file=("a.wav", WAV), model="whisper-1")).text == HEARD


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        ({"stream": True}, "stream"),
        ({"response_format": "verbose_json", "timestamp_granularities": ["word"]}, "timestamp_granularities"),
        ({"response_format": "diarized_json"}, "response_format"),
        ({"include": ["logprobs"]}, "include"),
        ({"known_speaker_names": ["agent"]}, "known_speaker_names"),
        ({"known_speaker_references": ["data:audio/wav;base64,UklGRg=="]}, "known_speaker_references"),
    ],
)
async def test_what_cannot_be_done_is_a_clear_error(there: AsyncOpenAI, wanted: Any, param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await there.audio.transcriptions.create(file=("a.wav", WAV), model="whisper-1", **wanted)
    assert caught.value.type == "invalid_request_error"
    assert caught.value.param is not None
    assert caught.value.param.startswith(param)
    assert caught.value.request_id


async def test_models_are_listed(there: AsyncOpenAI) -> None:
    assert {"pyai-hear", "pyai-speak"} <= {model.id async for model in there.models.list()}


async def test_a_wrong_key_and_a_wrong_voice_are_openais_errors(there: AsyncOpenAI) -> None:
    with pytest.raises(openai.AuthenticationError):
        await there.with_options(api_key="wrong_canary").audio.speech.create(model="tts-1", voice="nova", input=TEXT)
    with pytest.raises(openai.BadRequestError, match="nobody") as caught:
        await there.audio.speech.create(model="tts-1", voice="nobody", input=TEXT)
    assert (caught.value.code, caught.value.param) == ("unknown_voice", "voice")


@TRANSLATIONS_ARE_OLD
async def test_the_synchronous_client_as_well(there: AsyncOpenAI) -> None:
    def ask() -> tuple[bytes, str, str]:
        with OpenAI(**reach(there), max_retries=0) as client:
            wanted: Any = {"model": "tts-1-hd", "voice": "alloy", "input": TEXT, "response_format": "pcm"}
            with client.audio.speech.with_streaming_response.create(**wanted) as response:
                audio = b"".join(response.iter_bytes())
            text = client.audio.transcriptions.create(file=("a.wav", WAV), model="gpt-4o-transcribe").text
            return audio, text, client.audio.translations.create(file=("a.wav", WAV), model="whisper-1").text

    assert await asyncio.to_thread(ask) == (spoken(TEXT), HEARD, HEARD)


async def test_a_model_of_the_front_is_shown_and_an_unknown_one_is_not() -> None:
    async with house() as built:
        assert (await built.openai.models.retrieve("gpt-4o-mini-tts")).owned_by == "openai"
        assert (await built.openai.models.retrieve("pyai-hear")).owned_by == "pyai"
        with pytest.raises(openai.NotFoundError):
            await built.openai.models.retrieve("gpt-unknown")


async def test_openais_events_carry_the_same_audio() -> None:
    async with house() as built:
        body = {"model": "gpt-4o-mini-tts", "voice": "nova", "input": TEXT, "stream_format": "sse"}
        assert await events(built, body | {"response_format": "pcm"}) == spoken(TEXT)


async def events(built: House, body: dict[str, Any]) -> bytes:
    response = await built.http.post("audio/speech", json=body)
    assert response.headers["content-type"] == "text/event-stream"
    told = [json.loads(line.removeprefix("data: ")) for line in response.text.split("\n\n") if line]
    assert [each["type"] for each in told[:-1]] == ["speech.audio.delta"] * (len(told) - 1)
    assert told[-1]["type"] == "speech.audio.done"
    return b"".join(base64.b64decode(each["audio"]) for each in told[:-1])
