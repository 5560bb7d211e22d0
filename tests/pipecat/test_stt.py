"""Hear in a real Pipecat pipeline: construction, metrics, mute, lifecycle."""

from __future__ import annotations

import asyncio
import time

import pytest
from pipecat.frames.frames import (
    EndFrame,
    STTMetadataFrame,
    STTMuteFrame,
    TranscriptionFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.metrics.metrics import STTUsageMetricsData, TTFBMetricsData
from pipecat.pipeline.worker import PipelineParams
from pipecat.tests.utils import SleepFrame, run_test
from pipecat.transcriptions.language import Language
from pydantic import SecretStr

from pipecat_pyai import PyAISTTService, PyAISTTSettings, PyAITTSSettings
from tests.core.scripted import KEY, Peer, answer_commits, scripted, stay
from tests.pipecat.conftest import Log
from tests.pipecat.hearing import SECOND, hear
from tests.pipecat.pipeline import Happenings, audio, running

# Construction


def test_every_argument_of_the_official_package_is_taken() -> None:
    service = PyAISTTService(
        api_key=KEY,
        base_url="https://api.pyai.com",
        model="pyai-hear",
        language="fr",
        sample_rate=8000,
        reconnect_on_error=True,
        audio_passthrough=False,
        name="ears",
    )
    assert service.name == "ears"


def test_without_a_key_there_is_a_value_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYAI_API_KEY", raising=False)
    with pytest.raises(ValueError, match="PYAI_API_KEY"):
        PyAISTTService()


def test_the_key_and_the_address_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYAI_API_KEY", KEY)
    monkeypatch.setenv("PYAI_BASE_URL", "http://127.0.0.1:1")
    assert KEY not in repr(vars(PyAISTTService()))
    assert KEY not in repr(vars(PyAISTTService(api_key=SecretStr(KEY))))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"api_key": "two words"}, "api_key"),
        ({"base_url": "http://example.com"}, "base_url"),
        ({"sample_rate": 4000}, "sample_rate"),
        ({"settings": PyAISTTSettings(endpointing_ms=9)}, "endpointing_ms"),
        ({"settings": PyAISTTSettings(backchannel_threshold=80)}, "backchannel_threshold"),
        ({"turns": "queue"}, "turns: expected cue, framework, client or a TurnPolicy"),
        ({"turns": {"authority": "cue"}}, "turns: expected"),
        ({"cue": {"eager": True}}, r"cue: expected CueOptions\(...\)"),
        ({"settings": {"language": "fr"}}, "settings: .*PyAISTTService.Settings"),
        ({"settings": PyAITTSSettings(voice="emma")}, "settings: .*PyAITTSSettings"),
        ({"settings": PyAISTTSettings(vocabulary="flat white")}, "vocabulary: expected a list of words"),  # type: ignore[arg-type]
        ({"grounding": True}, r"grounding: .*settings=PyAISTTService.Settings\(grounding=...\)"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        PyAISTTService(**{"api_key": KEY, **options})  # type: ignore[arg-type]


async def test_the_connection_asks_for_what_was_set() -> None:
    settings = PyAISTTSettings(vocabulary=["flat white", "oat"], numerals=True, drop_fillers=True, endpointing_ms=300)
    async with scripted(stay) as server:
        service = hear(server, language=Language.PT_BR, settings=settings)
        happened = Happenings(service, "on_connected")
        async with running(service, rate_in=8000):
            await happened.until("on_connected")
        query = server.peers[0].query
    assert query["language"] == "pt"
    assert query["sample_rate"] == "8000"
    assert query["numerals"] == query["drop_fillers"] == query["interim_results"] == "true"
    assert query["endpointing_ms"] == "300"
    assert "flat white" in query["vocabulary"]


async def test_interim_transcripts_can_be_left_out() -> None:
    async with scripted(stay) as server:
        service = hear(server, settings=PyAISTTSettings(interim_results=False))
        happened = Happenings(service, "on_connected")
        async with running(service):
            await happened.until("on_connected")
    assert server.peers[0].query["interim_results"] == "false"


async def test_it_starts_without_a_complaint(log: Log) -> None:
    async with scripted(answer_commits) as server, running(hear(server)) as pipeline:
        await pipeline.say(0.4)
        await pipeline.until(TranscriptionFrame)
    assert log.of("WARNING", "ERROR", "CRITICAL") == []
    assert pipeline.errors == []


# Metrics


async def test_ttfb_and_usage_are_measured_and_usage_comes_first() -> None:
    async with scripted(answer_commits) as server, running(hear(server)) as pipeline:
        await pipeline.say(0.5)
        await pipeline.until(TranscriptionFrame)
        await pipeline.when(lambda: bool(pipeline.metrics(TTFBMetricsData)), "TTFB")
        kinds = [type(frame).__name__ for frame in pipeline.down]
        usage = pipeline.metrics(STTUsageMetricsData)
    assert kinds.index("MetricsFrame") < kinds.index("TranscriptionFrame")
    assert usage[0].value.audio_seconds == pytest.approx(0.5)
    ttfb = pipeline.metrics(TTFBMetricsData)[0]
    assert ttfb.model == "pyai-hear"
    assert ttfb.value >= 0.2


async def test_an_empty_answer_stops_the_ttfb_metric_and_pushes_no_transcript() -> None:
    async def talk(peer: Peer) -> None:
        await peer.hear_commit()
        await peer.say(type="final", text="", endpoint_reason="client_commit", utterance_id="a")
        await stay(peer)

    async with scripted(talk) as server, running(hear(server, stt_ttfb_timeout=60)) as pipeline:
        await pipeline.say(0.2)
        await pipeline.when(lambda: bool(pipeline.metrics(TTFBMetricsData)), "TTFB")
    assert pipeline.all(TranscriptionFrame) == []


async def test_turn_strategies_are_told_the_latency_to_expect() -> None:
    async with scripted(stay) as server:
        async with running(hear(server)) as pipeline:
            told = await pipeline.until(STTMetadataFrame)
        async with running(hear(server, ttfs_p99_latency=0.77)) as pipeline:
            changed = await pipeline.until(STTMetadataFrame)
    assert 0 < told.ttfs_p99_latency < 1.0
    assert told.user_turn_strategies is None
    assert changed.ttfs_p99_latency == 0.77


# Mute


async def test_while_muted_the_server_hears_silence_so_that_the_utterance_can_end() -> None:
    async with scripted(answer_commits) as server, running(hear(server)) as pipeline:
        await pipeline.audio(0.2)
        await pipeline.send(STTMuteFrame(mute=True))
        await pipeline.say(0.2)
        await pipeline.until(TranscriptionFrame)
        await pipeline.send(STTMuteFrame(mute=False))
        await pipeline.say(0.2)
        await pipeline.until(TranscriptionFrame, 2)
        heard = bytes(server.peers[0].audio)
    third = SECOND // 5
    assert len(heard) == 3 * third
    assert heard[third : 2 * third] == bytes(third)
    assert bytes(2) not in heard[:third:2]
    assert bytes(100) not in heard[2 * third :]


# The end


async def test_pipecat_s_own_test_harness_sees_what_it_expects() -> None:
    async with scripted(answer_commits) as server:
        down, _ = await run_test(
            hear(server, audio_passthrough=False),
            frames_to_send=[*audio(0.2), VADUserStoppedSpeakingFrame(stop_secs=0.2), SleepFrame(sleep=0.5)],
            pipeline_params=PipelineParams(audio_in_sample_rate=16000),
        )
    assert [frame.text for frame in down if isinstance(frame, TranscriptionFrame)] == [f"{int(0.2 * SECOND)} bytes"]


async def test_the_end_while_the_server_is_down_does_not_take_long() -> None:
    async with scripted(stay) as server:
        pass  # it is gone; its port refuses
    async with running(hear(server)) as pipeline:
        await pipeline.say(0.4)
        began = time.monotonic()
        await pipeline.end()
    assert time.monotonic() - began < 10


async def test_the_last_words_are_waited_for() -> None:
    async with scripted(answer_commits) as server, running(hear(server)) as pipeline:
        await pipeline.audio(0.4)
        await pipeline.end()
    assert [type(frame).__name__ for frame in pipeline.down if isinstance(frame, TranscriptionFrame | EndFrame)] == [
        "TranscriptionFrame",
        "EndFrame",
    ]
    assert pipeline.all(TranscriptionFrame)[0].text == f"{int(0.4 * SECOND)} bytes"


async def test_a_silent_server_does_not_hold_the_end_for_long() -> None:
    async with scripted(stay) as server, running(hear(server)) as pipeline:
        await pipeline.audio(0.4)
        began = time.monotonic()
        await pipeline.end()
    assert time.monotonic() - began < 10


async def test_end_cancel_and_cleanup_in_any_order_close_the_socket() -> None:
    gone = asyncio.Event()

    async def talk(peer: Peer) -> None:
        await stay(peer)
        gone.set()

    async with scripted(talk) as server:
        service = hear(server)
        happened = Happenings(service, "on_connected")
        async with running(service):
            await happened.until("on_connected")
        await service.cleanup()
        await service.cleanup()
        async with asyncio.timeout(5):
            await gone.wait()
