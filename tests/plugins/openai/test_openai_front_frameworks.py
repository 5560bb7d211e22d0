"""Pipecat's and LiveKit's own OpenAI services, with a base URL alone: at the front, and at the local server itself."""

from __future__ import annotations

import pytest
from livekit import rtc
from livekit.plugins import openai as livekit_openai
from openai import AsyncOpenAI

from pyai_voice.testing import FRAME, coded_speech, spoken
from tests.frameworks import frameworks_leave_http_clients_open, import_quietly
from tests.plugins.openai.openai_front_house import HEARD, TEXT, house, reach

import_quietly("pipecat.services.openai.tts", "pipecat.services.openai.stt")

from pipecat.frames.frames import (  # noqa: E402 - after the quiet imports
    InputAudioRawFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStoppedFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.services.openai.stt import OpenAISTTService  # noqa: E402
from pipecat.services.openai.tts import VALID_VOICES, OpenAITTSService  # noqa: E402

from tests.pipecat.pipeline import running  # noqa: E402

__all__ = ["frameworks_leave_http_clients_open"]


@pytest.mark.parametrize("voice", sorted(VALID_VOICES))
async def test_pipecats_openai_tts_speaks_with_each_of_its_voices(voice: str) -> None:
    async with house() as built:
        service = OpenAITTSService(**reach(built.openai), settings=OpenAITTSService.Settings(voice=voice))
        async with running(service) as bot:
            await bot.send(TTSSpeakFrame(TEXT))
            await bot.until(TTSStoppedFrame)
            assert not bot.errors


async def test_pipecats_openai_services_work_with_a_base_url_alone(there: AsyncOpenAI) -> None:
    async with running(OpenAITTSService(**reach(there))) as bot:
        await bot.send(TTSSpeakFrame(TEXT))
        await bot.until(TTSStoppedFrame)
        assert b"".join(frame.audio for frame in bot.all(TTSAudioRawFrame)).rstrip(b"\0") == spoken(TEXT).rstrip(b"\0")
        assert not bot.errors
    async with running(OpenAISTTService(**reach(there))) as bot:
        await bot.send(VADUserStartedSpeakingFrame(start_secs=0.2))
        await bot.send(*(InputAudioRawFrame(piece, 16000, 1) for piece in batched(coded_speech(40))))
        await bot.send(VADUserStoppedSpeakingFrame(stop_secs=0.2))
        assert (await bot.until(TranscriptionFrame)).text == HEARD
        assert not bot.errors


def batched(pcm: bytes, size: int = FRAME) -> list[bytes]:
    return [pcm[at : at + size] for at in range(0, len(pcm), size)]


@pytest.mark.parametrize("model", ["gpt-4o-mini-tts", "tts-1"])
@pytest.mark.parametrize("form", ["mp3", "pcm"])
async def test_livekits_openai_tts_works_with_a_base_url_alone(there: AsyncOpenAI, model: str, form: str) -> None:
    voice = livekit_openai.TTS(**reach(there), model=model, response_format=form)
    frame = await voice.synthesize("Hello, I am here.").collect()
    await voice.aclose()
    assert frame.sample_rate == 24000
    if form == "pcm":
        assert bytes(frame.data).startswith(spoken("Hello, I am here."))  # LiveKit fills up the last frame
    assert frame.duration == pytest.approx(len(spoken("Hello, I am here.")) / 48000, abs=0.12)


@pytest.mark.parametrize("model", ["gpt-4o-mini-transcribe", "whisper-1", "gpt-transcribe"])
async def test_livekits_openai_stt_works_with_a_base_url_alone(there: AsyncOpenAI, model: str) -> None:
    ears = livekit_openai.STT(**reach(there), model=model)
    pcm = coded_speech(40)
    heard = await ears.recognize(rtc.AudioFrame(pcm, 16000, 1, len(pcm) // 2))
    assert heard.alternatives[0].text == HEARD
    assert heard.alternatives[0].language == "en"
