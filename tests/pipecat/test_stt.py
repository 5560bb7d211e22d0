"""Hear in a real Pipecat pipeline: frames, metrics, settings, lifecycle."""

from __future__ import annotations

import asyncio
import time

import pytest
from pipecat.frames.frames import (
    EndFrame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    STTMetadataFrame,
    STTMuteFrame,
    STTUpdateSettingsFrame,
    TranscriptionFrame,
    UserAudioRawFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.metrics.metrics import STTUsageMetricsData, TTFBMetricsData
from pipecat.pipeline.worker import PipelineParams
from pipecat.services.settings import STTSettings
from pipecat.tests.utils import SleepFrame, run_test
from pipecat.transcriptions.language import Language
from pipecat.utils.errors import ErrorCategory
from pydantic import SecretStr

from pipecat_pyai import PyAISTTService, PyAISTTSettings, PyAITTSSettings
from pyai_voice.events import Transcript
from tests.core.scripted import KEY, Peer, Server, answer_commits, scripted, stay
from tests.pipecat.conftest import Log
from tests.pipecat.pipeline import Happenings, audio, running

SECOND = 32_000
"""Bytes of a second at 16 kHz."""


def hear(server: Server, **options: object) -> PyAISTTService:
    return PyAISTTService(api_key=KEY, base_url=server.endpoint.base_url, **options)  # type: ignore[arg-type]


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


# Transcripts


async def test_interim_and_final_transcripts_become_frames_with_language_user_and_source() -> None:
    async def talk(peer: Peer) -> None:
        await peer.hear_audio(1000)
        await peer.say(type="partial", text="flat", stable_text="", active_text="flat", utterance_id="a", t_ms=10)
        await peer.hear_commit()
        await peer.final("Flat white.", utterance_id="a", language="en")
        await stay(peer)

    async with scripted(talk) as server, running(hear(server)) as pipeline:
        frames = [UserAudioRawFrame(frame.audio, 16000, 1, user_id="ada") for frame in audio(0.2)]
        await pipeline.send(*frames)
        interim = await pipeline.until(InterimTranscriptionFrame)
        await pipeline.say(0)
        final = await pipeline.until(TranscriptionFrame)
    assert (interim.text, interim.user_id) == ("flat", "ada")
    assert (final.text, final.user_id, final.language) == ("Flat white.", "ada", Language.EN)
    assert isinstance(final.result, Transcript)
    assert final.result.final
    assert final.timestamp


async def test_a_partial_that_comes_after_the_final_is_dropped() -> None:
    async def talk(peer: Peer) -> None:
        await peer.hear_commit()
        await peer.final("One.", utterance_id="a")
        await peer.say(type="partial", text="One", utterance_id="a")
        await peer.hear_commit()
        await peer.final("Two.", utterance_id="b")
        await stay(peer)

    async with scripted(talk) as server, running(hear(server)) as pipeline:
        await pipeline.say(0.2)
        await pipeline.until(TranscriptionFrame)
        await pipeline.say(0.2)
        await pipeline.until(TranscriptionFrame, 2)
    assert pipeline.all(InterimTranscriptionFrame) == []


async def test_a_final_that_never_comes_is_made_of_what_is_known() -> None:
    async def talk(peer: Peer) -> None:
        await peer.hear_audio(1000)
        await peer.say(type="speech_final", text="Tea.", utterance_id="a", endpoint_reason="endpoint", t_ms=10)
        await stay(peer)

    async with scripted(talk) as server, running(hear(server)) as pipeline:
        await pipeline.audio(0.2)
        assert (await pipeline.until(TranscriptionFrame)).text == "Tea."


async def test_one_utterance_is_one_transcript_however_often_it_is_told() -> None:
    async def talk(peer: Peer) -> None:
        await peer.hear_commit()
        for _ in range(3):
            await peer.final("Once.", utterance_id="a")
        await peer.hear_commit()
        await peer.final("Twice.", utterance_id="b")
        await stay(peer)

    async with scripted(talk) as server, running(hear(server)) as pipeline:
        await pipeline.say(0.2)
        await pipeline.until(TranscriptionFrame)
        await pipeline.say(0.2)
        await pipeline.until(TranscriptionFrame, 2)
    assert [frame.text for frame in pipeline.all(TranscriptionFrame)] == ["Once.", "Twice."]


# Finalized


async def test_the_answer_to_a_commit_is_finalized() -> None:
    async with scripted(answer_commits) as server, running(hear(server)) as pipeline:
        await pipeline.say(0.4)
        frame = await pipeline.until(TranscriptionFrame)
    assert frame.finalized
    assert frame.text == f"{int(0.4 * SECOND)} bytes"


async def test_a_final_of_the_server_s_own_is_not_finalized() -> None:
    async def talk(peer: Peer) -> None:
        await peer.hear_audio(1000)
        await peer.final("Mid turn.", reason="endpoint", t_ms=10)
        await peer.hear_commit()
        await peer.final("The end.")
        await stay(peer)

    async with scripted(talk) as server, running(hear(server)) as pipeline:
        await pipeline.audio(0.2)
        first = await pipeline.until(TranscriptionFrame)
        await pipeline.say(0.2)
        second = await pipeline.until(TranscriptionFrame, 2)
    assert (first.finalized, second.finalized) == (False, True)


async def test_the_answer_is_not_finalized_once_the_user_has_resumed() -> None:
    resumed = asyncio.Event()

    async def talk(peer: Peer) -> None:
        await peer.hear_commit()
        await resumed.wait()
        await peer.final("First half")
        await peer.hear_commit()
        await peer.final("second half.")
        await stay(peer)

    async with scripted(talk) as server, running(hear(server)) as pipeline:
        await pipeline.say(0.2)
        await pipeline.send(VADUserStartedSpeakingFrame(start_secs=0.2))
        await pipeline.until(VADUserStartedSpeakingFrame, 2)
        resumed.set()
        first = await pipeline.until(TranscriptionFrame)
        await pipeline.say(0.2)
        second = await pipeline.until(TranscriptionFrame, 2)
    assert (first.finalized, second.finalized) == (False, True)


async def test_only_the_answer_to_the_last_of_two_commits_is_finalized() -> None:
    async def talk(peer: Peer) -> None:
        await peer.hear_commit()
        await peer.hear_commit()
        await peer.final("First", utterance_id="a")
        await peer.final("second.", utterance_id="b")
        await stay(peer)

    async with scripted(talk) as server, running(hear(server)) as pipeline:
        await pipeline.say(0.2)
        await pipeline.say(0.2)
        await pipeline.until(TranscriptionFrame, 2)
    assert [frame.finalized for frame in pipeline.all(TranscriptionFrame)] == [False, True]


async def test_no_commit_without_audio() -> None:
    async with scripted(answer_commits) as server:
        service = hear(server)
        happened = Happenings(service, "on_connected")
        async with running(service) as pipeline:
            await happened.until("on_connected")
            await pipeline.say(0)
            await pipeline.say(0.2)
            await pipeline.until(TranscriptionFrame)
    assert [text["type"] for text in server.peers[0].texts] == ["commit"]


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


# Settings


async def test_endpointing_changes_on_the_open_connection() -> None:
    async with scripted(answer_commits) as server, running(hear(server)) as pipeline:
        await pipeline.say(0.2)
        await pipeline.until(TranscriptionFrame)
        await pipeline.send(STTUpdateSettingsFrame(delta=PyAISTTSettings(endpointing_ms=250)))
        await pipeline.until(TranscriptionFrame)
        await pipeline.say(0.2)
        await pipeline.until(TranscriptionFrame, 2)
    assert server.dials == 1
    assert {"type": "config", "endpointing_ms": 250} in server.peers[0].texts


async def test_another_language_makes_a_new_connection_and_loses_nothing() -> None:
    async with scripted(answer_commits, answer_commits) as server:
        service = hear(server)
        happened = Happenings(service, "on_connected", "on_disconnected", "on_reconnected")
        async with running(service) as pipeline:
            await pipeline.say(0.2)
            await pipeline.until(TranscriptionFrame)
            await pipeline.send(STTUpdateSettingsFrame(delta=STTSettings(language=Language.FR_CA)))
            await happened.until("on_reconnected")
            await pipeline.say(0.2)
            await pipeline.until(TranscriptionFrame, 2)
    assert [peer.query.get("language") for peer in server.peers] == [None, "fr"]
    assert sum(len(peer.audio) for peer in server.peers) >= int(0.4 * SECOND)


async def test_a_wrong_setting_is_one_error_and_changes_nothing() -> None:
    async with scripted(answer_commits) as server, running(hear(server)) as pipeline:
        await pipeline.send(STTUpdateSettingsFrame(delta=PyAISTTSettings(endpointing_ms=9)))
        await pipeline.when(lambda: bool(pipeline.errors), "an error")
        await pipeline.say(0.2)
        await pipeline.until(TranscriptionFrame)
    assert [error.category for error in pipeline.errors] == [ErrorCategory.APPLICATION]
    assert "endpointing_ms" in pipeline.errors[0].error


async def test_a_setting_that_pyai_refuses_is_one_error_and_taken_back() -> None:
    refused = b'{"error": {"code": "unsupported_language", "message": "language: not de"}}'
    async with scripted(answer_commits) as server:
        service = hear(server)
        happened = Happenings(service, "on_reconnected")
        async with running(service) as pipeline:
            await pipeline.say(0.2)
            await pipeline.until(TranscriptionFrame)
            server.refusals.append((400, {}, refused))
            await pipeline.send(STTUpdateSettingsFrame(delta=PyAISTTSettings(language="de")))
            await pipeline.when(lambda: bool(pipeline.errors), "an error")
            await pipeline.say(0.2)
            await pipeline.until(TranscriptionFrame, 2)
            await happened.until("on_reconnected")
            await pipeline.send(STTUpdateSettingsFrame(delta=PyAISTTSettings(numerals=True)))
            await happened.until("on_reconnected", 2)
            assert service.is_usable
    (error,) = pipeline.errors
    assert "unsupported_language" in error.error and error.category is ErrorCategory.APPLICATION
    assert [peer.query.get("language") for peer in server.peers] == [None] * len(server.peers)
    assert server.peers[-1].query["numerals"] == "true"


async def test_a_setting_that_does_not_exist_is_reported(log: Log) -> None:
    async with scripted(answer_commits) as server, running(hear(server)) as pipeline:
        delta = PyAISTTSettings()
        delta.extra = {"diarize": True}
        await pipeline.send(STTUpdateSettingsFrame(delta=delta))
        await pipeline.say(0.2)
        await pipeline.until(TranscriptionFrame)
    assert any("diarize" in text for text in log.of("WARNING"))


# Bad input


async def test_a_rate_that_cannot_be_is_one_permanent_error_and_the_pipeline_lives() -> None:
    async with scripted(stay) as server, running(hear(server), rate_in=4000) as pipeline:
        await pipeline.when(lambda: bool(pipeline.errors), "an error")
        await pipeline.audio(0.2, rate=4000)
        await pipeline.end()
    assert len(pipeline.errors) == 1
    assert "sample_rate" in pipeline.errors[0].error
    assert pipeline.errors[0].processor is not None
    assert not pipeline.errors[0].processor.is_usable


async def test_audio_at_another_rate_is_one_error_that_says_what_to_do() -> None:
    async with scripted(answer_commits) as server, running(hear(server)) as pipeline:
        await pipeline.audio(0.5, rate=48000)
        await pipeline.say(0.2)
        await pipeline.until(TranscriptionFrame)
    assert len(pipeline.errors) == 1
    assert "48000" in pipeline.errors[0].error
    assert "16000" in pipeline.errors[0].error
    assert "PipelineParams(audio_in_sample_rate=" in pipeline.errors[0].error
    assert len(server.audio) == int(0.2 * SECOND)


async def test_nonsense_from_the_server_is_passed_over() -> None:
    async def talk(peer: Peer) -> None:
        for nonsense in (b"\x00\x01", "{", "[]", "null", '{"type": 7}', '{"type": "poem", "text": "x"}'):
            await peer.socket.send(nonsense)
        await answer_commits(peer)

    async with scripted(talk) as server, running(hear(server)) as pipeline:
        await pipeline.say(0.2)
        await pipeline.until(TranscriptionFrame)
    assert pipeline.errors == []


async def test_what_the_server_could_not_do_is_said_once(log: Log) -> None:
    async def talk(peer: Peer) -> None:
        await peer.say(type="config_ack", endpointing_ms=500, warnings=["vocabulary_ignored"])
        await answer_commits(peer)

    async with scripted(talk) as server, running(hear(server)) as pipeline:
        await pipeline.say(0.2)
        await pipeline.until(TranscriptionFrame)
    assert ["vocabulary_ignored" in text for text in log.of("WARNING")] == [True]


async def test_half_a_sample_waits_for_its_other_half() -> None:
    pcm = bytes(range(256)) * 25
    async with scripted(answer_commits) as server, running(hear(server)) as pipeline:
        await pipeline.send(*(InputAudioRawFrame(pcm[at : at + 641], 16000, 1) for at in range(0, len(pcm), 641)))
        await pipeline.say(0)
        await pipeline.until(TranscriptionFrame)
    assert bytes(server.peers[0].audio) == pcm


async def test_a_message_of_70_megabytes_is_one_error_and_the_call_goes_on() -> None:
    async def flood(peer: Peer) -> None:
        await peer.hear_commit()
        await peer.socket.send("x" * 70_000_000)
        await stay(peer)

    async with scripted(flood, answer_commits) as server, running(hear(server)) as pipeline:
        await pipeline.say(0.2)
        await pipeline.when(lambda: bool(pipeline.errors), "an error")
        await pipeline.end()
    assert len(pipeline.errors) == 1
    assert "limit" in pipeline.errors[0].error


async def test_a_server_that_is_not_pyai_is_one_error_that_names_the_option() -> None:
    async with scripted(stay, refusals=[(200, {"Content-Type": "text/html"}, b"<html>Welcome</html>")] * 9) as server:
        service = hear(server)
        async with running(service) as pipeline:
            await pipeline.when(lambda: bool(pipeline.errors), "an error")
            await pipeline.say(0.2)
            await pipeline.end()
    assert len(pipeline.errors) == 1
    assert "base_url" in pipeline.errors[0].error
    assert not service.is_usable


async def test_passages_are_given_to_the_app_before_the_transcript() -> None:
    async def talk(peer: Peer) -> None:
        await peer.hear_commit()
        await peer.final("Where are you?", grounding=[{"content": "Open 8 to 6.", "score": 0.8}])
        await stay(peer)

    async with scripted(talk) as server:
        service = hear(server, settings=PyAISTTSettings(grounding=True))
        happened = Happenings(service, "on_grounding")
        async with running(service) as pipeline:
            await pipeline.say(0.2)
            (grounding,) = await happened.until("on_grounding")
            await pipeline.until(TranscriptionFrame)
    assert [passage.content for passage in grounding.passages] == ["Open 8 to 6."]
    assert server.peers[0].texts[0] == {"type": "config", "grounding": True}


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
