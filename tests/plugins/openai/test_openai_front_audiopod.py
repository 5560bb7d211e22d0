"""AudioPod as the provider: behind the front, and behind Speak and Hear on recordings in both frameworks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import openai
import pytest
from livekit import rtc
from openai import AsyncOpenAI

from livekit_pyai import STT, TTS
from openai_pyai import OwnKey, PassThrough
from pyai_voice.client import Client
from pyai_voice.errors import UnsupportedError
from pyai_voice.options import Endpoint
from pyai_voice.provider import AUDIOPOD
from pyai_voice.testing import FRAME, coded_speech, spoken
from tests.frameworks import import_quietly
from tests.plugins.openai.audiopod import AUDIOPOD_KEY, SPEECH, AudioPod, audiopod
from tests.plugins.openai.openai_front_house import HEARD, KEY, TEXT, WAV, front, openai_client

import_quietly("pipecat_pyai")

from pipecat.frames.frames import (  # noqa: E402 - after the quiet import
    ErrorFrame,
    InputAudioRawFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStoppedFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.utils.errors import ErrorCategory  # noqa: E402

from pipecat_pyai import PyAISegmentedSTTService, PyAISTTService, PyAITTSService  # noqa: E402
from tests.pipecat.pipeline import running  # noqa: E402

HEADS = {"mp3": (b"ID3", b"\xff\xf3"), "opus": (b"OggS",), "aac": (b"\xff\xf1",), "flac": (b"fLaC",), "wav": (b"RIFF",)}


@asynccontextmanager
async def fronted(*, passes: bool = False) -> AsyncIterator[tuple[AudioPod, AsyncOpenAI]]:
    async with audiopod() as service, aclosing(service.client()) as client:
        access = PassThrough(AUDIOPOD, service.url) if passes else OwnKey(client, KEY)
        async with front(access) as url, openai_client(url, AUDIOPOD_KEY if passes else KEY) as openai_:
            yield service, openai_


@pytest.mark.parametrize("passes", [False, True])
@pytest.mark.parametrize("form", SPEECH)
async def test_speech_goes_through_the_front(passes: bool, form: Any) -> None:
    async with fronted(passes=passes) as (service, client):
        answer = await client.audio.speech.create(
            model="gpt-4o-mini-tts", voice="cedar", input=TEXT, response_format=form, speed=1.25
        )
    assert answer.content.startswith(HEADS[form]) if form in HEADS else answer.content == spoken(TEXT)
    asked = service.asked[0]
    assert (asked["path"], asked["voice"], asked["speed"]) == ("/api/v1/audio/speech", "onyx", 1.25)
    assert "sample_rate" not in asked


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
async def test_recordings_go_through_the_front_with_their_prompt() -> None:
    async with fronted() as (service, client):
        ask = client.audio.transcriptions.create
        words: dict[str, Any] = {"file": ("a.wav", WAV), "model": "whisper-1"}
        assert (await ask(**words, prompt="Frames.", language="en", keywords=["dropped"])).text == HEARD
        assert str(await ask(**words, response_format="srt")).splitlines()[2] == HEARD
        assert (await client.audio.translations.create(**words, prompt="Frames.")).text == HEARD
    first, _, last = service.asked
    assert (first["prompt"], first["language"], last["prompt"]) == ("Frames.", "en", "Frames.")
    assert {"keywords", "vocabulary"}.isdisjoint(first)
    assert last["path"] == "/api/v1/audio/translations"


async def test_its_errors_have_no_code_and_are_openais_still() -> None:
    async with fronted(passes=True) as (_, client):
        with pytest.raises(openai.BadRequestError, match="Unknown voice"):
            await client.audio.speech.create(model="tts-1", voice="nobody", input=TEXT)
        with pytest.raises(openai.AuthenticationError, match="Invalid API key"):
            stranger = client.with_options(api_key="ap_another_key_0000")
            await stranger.audio.speech.create(model="tts-1", voice="nova", input=TEXT)
        with pytest.raises(openai.BadRequestError, match="g711_ulaw"):
            wanted: Any = "g711_ulaw"
            await client.audio.speech.create(model="tts-1", voice="nova", input=TEXT, response_format=wanted)
        assert "whisper-1" in {model.id async for model in client.models.list()}


async def test_livekit_speaks_and_recognises_with_it() -> None:
    pcm = coded_speech(40)
    async with audiopod() as service, aclosing(service.client()) as client:
        async with TTS(client=client, voice="nova") as voice, STT(client=client, language="en") as ears:
            assert bytes((await voice.synthesize(TEXT).collect()).data).startswith(spoken(TEXT))
            heard = await ears.recognize(rtc.AudioFrame(pcm, 16000, 1, len(pcm) // 2))
            assert heard.alternatives[0].text == HEARD
            assert (ears.capabilities.streaming, ears.capabilities.keyterms) == (False, False)
            assert ears.turns.authority == "framework"
            assert (ears.provider, voice.provider) == ("AudioPod", "AudioPod")
            with pytest.raises(UnsupportedError, match="hear_stream"):
                ears.stream()


async def test_pipecat_speaks_and_recognises_with_it() -> None:
    pcm = coded_speech(40)
    async with audiopod() as service, aclosing(service.client()) as client:
        async with running(PyAITTSService(client=client, voice="nova")) as bot:
            await bot.send(TTSSpeakFrame(TEXT))
            await bot.until(TTSStoppedFrame)
            audio = b"".join(frame.audio for frame in bot.all(TTSAudioRawFrame))
            assert audio.rstrip(b"\0") == spoken(TEXT).rstrip(b"\0")
        async with running(PyAISegmentedSTTService(client=client, language="en-US", prompt="Frames.")) as bot:
            await bot.send(VADUserStartedSpeakingFrame(start_secs=0.2))
            await bot.send(*(InputAudioRawFrame(pcm[at : at + FRAME], 16000, 1) for at in range(0, len(pcm), FRAME)))
            await bot.send(VADUserStoppedSpeakingFrame(stop_secs=0.2))
            said = await bot.until(TranscriptionFrame)
            assert (said.text, said.finalized) == (HEARD, True)
            await bot.end()
            assert not bot.errors
    assert (service.asked[-1]["prompt"], service.asked[-1]["language"]) == ("Frames.", "en")


async def test_pipecats_segment_that_is_refused_is_one_error_with_its_category() -> None:
    async with audiopod() as service, aclosing(Client(Endpoint.audiopod("ap_another_key_0000", service.url))) as client:
        async with running(PyAISegmentedSTTService(client=client)) as bot:
            await bot.send(VADUserStartedSpeakingFrame(start_secs=0.2))
            await bot.send(InputAudioRawFrame(coded_speech(40), 16000, 1))
            await bot.send(VADUserStoppedSpeakingFrame(stop_secs=0.2))
            error = await bot.until(ErrorFrame)
            assert error.category is ErrorCategory.AUTHENTICATION
            assert "Invalid API key" in error.error
            assert not bot.all(TranscriptionFrame)


async def test_pipecats_stream_is_refused_by_name() -> None:
    async with audiopod() as service, aclosing(service.client()) as client:
        with pytest.raises(UnsupportedError, match="AudioPod does not offer hear_stream"):
            PyAISTTService(client=client)
