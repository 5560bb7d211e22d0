"""Speak in a real Pipecat pipeline when things go wrong: one error each, and the bot goes on."""

from __future__ import annotations

import asyncio

import pytest
from pipecat.frames.frames import (
    EndFrame,
    LLMFullResponseEndFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStoppedFrame,
    TTSUpdateSettingsFrame,
)
from pipecat.metrics.metrics import TTFBMetricsData
from pipecat.utils.errors import ErrorCategory

from pipecat_pyai import PyAITTSSettings
from pyai_voice.errors import PyAIError
from tests.core.scripted_http import CANARY, Peer, Reply, answering, hang_up, speaking
from tests.core.scripted_http import scripted as scripted_http
from tests.pipecat.conftest import Log
from tests.pipecat.pipeline import running
from tests.pipecat.speaking import ONE, THREE, TWO, Script, heard, speak, speaker, spoken, turn

BAD_REQUEST = answering(400, {"error": {"message": "No.", "type": "invalid_request_error", "code": "invalid_request"}})
BAD_KEY = answering(401, {"error": {"message": f"Bad key {CANARY}", "code": "unauthorized"}})
NO_VOICE = answering(400, {"error": {"message": "No such voice: bob", "code": "unknown_voice"}})


async def cut(peer: Peer) -> None:
    await peer.head()
    await peer.chunk(ONE)
    peer.abort()


@pytest.mark.parametrize("broken", [0, 1, 2])
async def test_a_failed_sentence_is_one_error_and_the_others_are_heard_at_once(broken: int) -> None:
    """Also the last one: no time-out of Pipecat's is waited for (30 s here)."""
    texts, replies = ["One.", "Two.", "Three."], [speaking(ONE), speaking(TWO), speaking(THREE)]
    replies[broken] = BAD_REQUEST
    async with speaker(dict(zip(texts, replies, strict=True))) as (pipeline, _):
        async with asyncio.timeout(15):
            await pipeline.send(*turn(*texts))
            await pipeline.until(LLMFullResponseEndFrame)
            await pipeline.end()
    whole = [ONE, TWO, THREE]
    del whole[broken], texts[broken]
    assert heard(pipeline) == b"".join(whole)
    assert spoken(pipeline) == texts
    assert [error.category for error in pipeline.errors] == [ErrorCategory.APPLICATION]
    assert isinstance(pipeline.errors[0].exception, PyAIError)
    assert "invalid_request" in pipeline.errors[0].error


async def test_a_turn_that_fails_whole_ends_at_once_and_is_not_in_the_context() -> None:
    async with speaker({"One.": BAD_REQUEST, "Two.": speaking(TWO)}) as (pipeline, _):
        async with asyncio.timeout(15):
            await pipeline.send(*turn("One."), TTSSpeakFrame("Two."), EndFrame())
            await pipeline.ended.wait()
    assert spoken(pipeline) == ["Two."]
    assert heard(pipeline) == TWO


async def test_many_failed_turns_do_not_end_the_service() -> None:
    sentence: dict[str, Reply | list[Reply]] = {"One.": [*[BAD_REQUEST] * 5, speaking(ONE)]}
    async with speaker(sentence) as (pipeline, _):
        for _ in range(6):
            await pipeline.send(*turn("One."))
        await pipeline.until(LLMFullResponseEndFrame, 6)
    assert heard(pipeline) == ONE


async def test_a_body_that_is_cut_is_one_error_and_no_sample_is_heard_twice() -> None:
    async with speaker({"One.": cut, "Two.": speaking(TWO)}) as (pipeline, script):
        await pipeline.send(*turn("One.", "Two."))
        await pipeline.until(LLMFullResponseEndFrame)
    assert heard(pipeline) == ONE + TWO
    assert script.texts == ["One.", "Two."]
    assert [error.category for error in pipeline.errors] == [ErrorCategory.CONNECTIVITY]
    assert spoken(pipeline) == ["Two."]


async def test_an_overloaded_server_is_asked_again_and_nobody_notices(log: Log) -> None:
    busy = answering(503, {"error": {"message": "Busy.", "code": "engine_unavailable"}})
    async with speaker({"One.": [busy, speaking(ONE)], "Two.": [hang_up, speaking(TWO)]}) as (pipeline, script):
        await pipeline.send(*turn("One."))
        await pipeline.until(LLMFullResponseEndFrame)
    assert heard(pipeline) == ONE
    assert script.texts == ["One.", "One."]
    assert pipeline.errors == []
    assert log.of("WARNING", "ERROR") == []


async def test_a_wait_that_the_server_asks_for_is_kept() -> None:
    limit = answering(429, {"error": {"message": "Slow down.", "code": "rate_limit_exceeded"}}, **{"Retry-After": "1"})
    loop = asyncio.get_running_loop()
    async with speaker({"One.": [limit, speaking(ONE)]}) as (pipeline, script):
        began = loop.time()
        await pipeline.send(*turn("One."))
        await pipeline.until(LLMFullResponseEndFrame)
    assert loop.time() - began >= 1.0
    assert len(script.asked) == 2
    assert heard(pipeline) == ONE


async def test_a_wrong_key_ends_the_service_with_one_error(log: Log) -> None:
    async with speaker({"One.": BAD_KEY, "Two.": BAD_KEY, "Three.": BAD_KEY}) as (pipeline, script):
        await pipeline.send(*turn("One.", "Two.", "Three."))
        await pipeline.send(*turn("One."))
        await pipeline.until(LLMFullResponseEndFrame, 2)
        await pipeline.end()
    assert [error.category for error in pipeline.errors] == [ErrorCategory.AUTHENTICATION]
    assert len(script.asked) <= 2
    assert len([text for text in log.of("WARNING", "ERROR") if "unauthorized" in text]) == 1
    assert spoken(pipeline) == []
    assert pipeline.errors[0].processor is not None
    assert not pipeline.errors[0].processor.is_usable
    error = pipeline.errors[0].exception
    assert error is not None
    assert CANARY not in f"{error!r} {error.__cause__!r} {error.__context__!r} {vars(error)!r}"


async def test_an_unknown_voice_ends_the_service_until_the_voice_is_changed() -> None:
    async with speaker({"One.": NO_VOICE, "Two.": speaking(TWO)}) as (pipeline, _):
        await pipeline.send(*turn("One."))
        await pipeline.until(LLMFullResponseEndFrame)
        assert [error.category for error in pipeline.errors] == [ErrorCategory.INVALID_REQUEST]
        assert "bob" in pipeline.errors[0].error
        await pipeline.send(TTSUpdateSettingsFrame(delta=PyAITTSSettings(voice="emma")), *turn("Two."))
        await pipeline.until(LLMFullResponseEndFrame, 2)
    assert heard(pipeline) == TWO
    assert spoken(pipeline) == ["Two."]


@pytest.mark.parametrize(
    "reply",
    [
        answering(200, {"error": {"message": "Out of voice.", "code": "internal_error"}}, content_type="audio/pcm"),
        answering(200, b"<html>Welcome</html>", content_type="text/html"),
        answering(200, b"RIFF" + bytes(100)),
        answering(200, b""),
    ],
    ids=["json", "html", "wav", "empty"],
)
async def test_what_is_not_the_audio_asked_for_is_an_error_and_not_noise(reply: Reply) -> None:
    async with speaker({"One.": speaking(ONE), "Two.": reply, "Three.": speaking(THREE)}) as (pipeline, _):
        await pipeline.send(*turn("One.", "Two.", "Three."))
        await pipeline.until(LLMFullResponseEndFrame)
    assert heard(pipeline) == ONE + THREE
    assert [error.category for error in pipeline.errors] == [ErrorCategory.SERVER]
    assert spoken(pipeline) == ["One.", "Three."]


async def test_no_ttfb_is_reported_for_a_request_without_audio() -> None:
    async with speaker({"One.": BAD_REQUEST, "Two.": speaking(TWO)}) as (pipeline, _):
        await pipeline.send(*turn("One.", "Two."))
        await pipeline.until(LLMFullResponseEndFrame)
    assert len(pipeline.metrics(TTFBMetricsData)) == 1


async def test_a_text_that_is_too_long_costs_only_itself() -> None:
    too_long = answering(413, {"error": {"message": "Too much.", "code": "payload_too_large"}})
    long = "word " * 20_000 + "end."
    async with speaker({long: too_long, "Two.": speaking(TWO)}) as (pipeline, _):
        await pipeline.send(TTSSpeakFrame(long), TTSSpeakFrame("Two."))
        await pipeline.until(TTSStoppedFrame, 2)
    assert heard(pipeline) == TWO
    assert [error.category for error in pipeline.errors][:1] == [ErrorCategory.APPLICATION]


async def test_a_rate_that_cannot_be_is_one_permanent_error_and_the_pipeline_lives() -> None:
    async with scripted_http(Script({})) as server, running(speak(server), rate_out=4000) as pipeline:
        await pipeline.when(lambda: bool(pipeline.errors), "an error")
        await pipeline.send(*turn("One."))
        await pipeline.end()
    assert len(pipeline.errors) == 1
    assert "sample_rate" in pipeline.errors[0].error


async def test_a_server_that_is_down_is_an_error_for_each_sentence_and_not_the_end() -> None:
    async with scripted_http(Script({})) as server:
        pass  # it is gone; its port refuses
    service = speak(server)
    async with running(service) as pipeline:
        await pipeline.send(*turn("One."))
        await pipeline.until(LLMFullResponseEndFrame)
        assert service.is_usable
        async with scripted_http(Script({"Two.": speaking(TWO)}), port=server.port):
            await pipeline.send(*turn("Two."))
            await pipeline.until(TTSAudioRawFrame)
            await pipeline.until(LLMFullResponseEndFrame, 2)
    assert heard(pipeline) == TWO
    assert [error.category for error in pipeline.errors][:1] == [ErrorCategory.CONNECTIVITY]
