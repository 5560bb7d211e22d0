"""The Realtime clients of others with the real engines: a question is heard, its answer spoken and understood."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import httpx
import jiwer
import pytest
from livekit import rtc
from livekit.agents import Agent
from livekit.plugins import openai as livekit_openai

from pyai_voice.audio import resample
from pyai_voice.server.engines import Priority
from pyai_voice.server.engines.load import Engines
from pyai_voice.server.serving import running
from tests.frameworks import frameworks_leave_http_clients_open, import_quietly
from tests.livekit.headless import call
from tests.server.conftest import Local
from tests.server.openai_realtime import pause, session_with

import_quietly("pipecat.services.openai.realtime.llm", "pipecat_pyai")

from pipecat.frames.frames import InputAudioRawFrame  # noqa: E402 - after the quiet imports

from tests.server.test_openai_realtime_pipecat import heard, pipecat_bot  # noqa: E402

__all__ = ["frameworks_leave_http_clients_open"]

pytestmark = pytest.mark.slow

PERSONA = "You are the voice of Leaf and Kettle, a tea shop. The shop opens at nine in the morning on Saturdays."
QUESTION = "When does the shop open on Saturday?"
ANSWER = "The shop opens at nine in the morning on Saturdays."


@pytest.fixture
async def local(engines: Engines) -> AsyncIterator[Local]:
    async with running(engines) as server, httpx.AsyncClient(base_url=server.base_url, trust_env=False) as http:
        yield Local(server, engines, http)


@pytest.fixture
async def question(local: Local) -> bytes:
    """The caller's question, pcm16 at 24 kHz, in another voice than the agent's."""
    body = {"input": QUESTION, "voice": "onyx", "response_format": "pcm"}
    return pause(0.5) + (await local.post("/v1/audio/speech", json=body)).content


async def understood(local: Local, pcm: bytes) -> float:
    """Return the part of the answer's words that cannot be understood from its sound at 24 kHz."""
    heard_text = await local.engines.recognizer.recognize(resample(pcm, 24000, 16000), Priority.FINAL)
    return jiwer.wer(_words(ANSWER), _words(heard_text.text))


def _words(text: str) -> str:
    return re.sub(r"[^a-z ]", "", text.lower().replace("9", "nine"))


async def test_openais_client(local: Local, question: bytes) -> None:
    async with session_with(local) as session:
        audio: Any = {"input": {"transcription": {}}, "output": {"voice": "nova"}}
        await session.configure(instructions=PERSONA, audio=audio)
        await session.speak(question, pause(2.0))
        done = await session.until("response.done")
        completed = next(event for event in session.events if event.type.endswith("transcription.completed"))
        assert jiwer.wer(_words(QUESTION), _words(completed.transcript)) <= 0.2
        assert done.response.output[0].content[0].transcript == ANSWER
        assert await understood(local, session.heard()) <= 0.2


async def test_pipecats_service(local: Local, question: bytes) -> None:
    async with pipecat_bot(local, instructions=PERSONA, session=heard()) as bot:
        sound = question + pause(2.0)
        frames = [InputAudioRawFrame(sound[at : at + 960], 24000, 1) for at in range(0, len(sound), 960)]
        await bot.pipeline.send(*frames)
        await bot.pipeline.when(lambda: bot.said[-1:] == [f"assistant: {ANSWER}"], "the answer")
        assert jiwer.wer(_words(QUESTION), _words(bot.said[-2].removeprefix("user: "))) <= 0.2
        assert await understood(local, bot.loudspeaker.sound) <= 0.2


async def test_livekits_model(local: Local, question: bytes) -> None:
    async with aiohttp.ClientSession() as http:
        model = livekit_openai.realtime.RealtimeModel(
            base_url=f"{local.server.base_url}/v1", api_key=local.server.api_key, http_session=http
        )
        async with call(Agent(instructions=PERSONA), llm=model) as running_call:
            sound = question + pause(2.0)
            for at in range(0, len(sound) - 960, 960):
                running_call.microphone.play(rtc.AudioFrame(sound[at : at + 960], 24000, 1, 480))
            said = (await running_call.user()).text_content or ""
            assert jiwer.wer(_words(QUESTION), _words(said)) <= 0.2
            assert (await running_call.reply()).text_content == ANSWER
            assert await understood(local, bytes(running_call.loudspeaker.pcm)) <= 0.2
        await model.aclose()
