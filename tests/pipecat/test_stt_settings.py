"""Hear in a real Pipecat pipeline: settings that change, and bad input."""

from __future__ import annotations

from pipecat.frames.frames import InputAudioRawFrame, STTUpdateSettingsFrame, TranscriptionFrame
from pipecat.services.settings import STTSettings
from pipecat.transcriptions.language import Language
from pipecat.utils.errors import ErrorCategory

from pipecat_pyai import PyAISTTSettings
from tests.core.scripted import Peer, answer_commits, scripted, stay
from tests.pipecat.conftest import Log
from tests.pipecat.hearing import SECOND, hear
from tests.pipecat.pipeline import Happenings, running

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
