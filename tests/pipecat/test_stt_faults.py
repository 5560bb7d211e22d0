"""Hear in a real Pipecat pipeline when things go wrong: nothing is lost, each trouble is told once, the key never."""

from __future__ import annotations

import asyncio

import pytest
from pipecat.frames.frames import STTUpdateSettingsFrame, TranscriptionFrame, VADUserStoppedSpeakingFrame
from pipecat.metrics.metrics import TTFBMetricsData
from pipecat.utils.errors import ErrorCategory

from pipecat_pyai import PyAISTTService, PyAISTTSettings
from pyai_voice.errors import PyAIError
from pyai_voice.options import LinkOptions
from tests.core.scripted import KEY, Peer, Script, Server, answer_commits, scripted, stay
from tests.pipecat.conftest import Log
from tests.pipecat.pipeline import Happenings, Running, audio, running

SECOND = 32_000
BUSY = (503, {}, b'{"error": {"message": "Busy.", "code": "engine_unavailable"}}')
BAD_KEY = (401, {}, b'{"error": {"message": "Unknown key %s", "code": "unauthorized"}}' % KEY.encode())
EVENTS = ("on_connected", "on_disconnected", "on_connection_error", "on_reconnected")


def hear(server: Server, **options: object) -> PyAISTTService:
    return PyAISTTService(api_key=KEY, base_url=server.endpoint.base_url, **options)  # type: ignore[arg-type]


def marked(seconds: float) -> bytes:
    """Audio of which every sample is another."""
    return b"".join(number.to_bytes(2, "little") for number in range(1, round(seconds * 16000) + 1))


async def send_marked(pipeline: Running, pcm: bytes) -> None:
    frames = audio(len(pcm) / SECOND)
    for at, frame in enumerate(frames):
        frame.audio = pcm[640 * at : 640 * (at + 1)]
    await pipeline.send(*frames)


def cut_after(size: int, *, politely: bool = False) -> Script:
    async def script(peer: Peer) -> None:
        await peer.hear_audio(size)
        if politely:
            await peer.socket.close(1012, "restart")
        else:
            peer.abort()

    return script


@pytest.mark.parametrize("politely", [True, False])
@pytest.mark.parametrize("refusals", [0, 3])
async def test_an_utterance_that_a_lost_connection_cuts_is_heard_whole_and_once(
    politely: bool, refusals: int, log: Log
) -> None:
    async with scripted(cut_after(SECOND // 2, politely=politely), answer_commits) as server:
        service = hear(server)
        happened = Happenings(service, *EVENTS)
        async with running(service) as pipeline:
            await happened.until("on_connected")
            server.refusals = [BUSY] * refusals
            pcm = marked(1.0)
            await send_marked(pipeline, pcm)
            await happened.until("on_reconnected")
            await pipeline.send(VADUserStoppedSpeakingFrame(stop_secs=0.2))
            final = await pipeline.until(TranscriptionFrame)
    assert bytes(server.peers[1].audio) == pcm
    assert final.finalized
    assert len(pipeline.all(TranscriptionFrame)) == 1
    assert pipeline.errors == []
    assert happened.names() == ["on_connected", "on_disconnected", "on_connected", "on_reconnected"]
    assert happened[-1][1][0] >= 0.5
    assert len(log.of("WARNING", "ERROR")) == 1


async def test_a_commit_that_a_lost_connection_swallows_is_asked_again_and_answered_finalized() -> None:
    async def swallow(peer: Peer) -> None:
        await peer.hear_commit()
        peer.abort()

    async with scripted(swallow, answer_commits) as server, running(hear(server)) as pipeline:
        await pipeline.say(0.5)
        final = await pipeline.until(TranscriptionFrame)
    assert final.finalized
    assert final.text == f"{SECOND // 2} bytes"
    assert len(pipeline.metrics(TTFBMetricsData)) == 1


async def test_the_pipeline_starts_while_the_server_is_down_and_the_first_words_are_kept(log: Log) -> None:
    async with scripted(answer_commits, refusals=[BUSY] * 3) as server:
        service = hear(server)
        happened = Happenings(service, *EVENTS)
        async with running(service) as pipeline:
            await pipeline.say(0.6)
            final = await pipeline.until(TranscriptionFrame)
    assert final.text == f"{int(0.6 * SECOND)} bytes"
    assert happened.names() == ["on_connection_error", "on_connected", "on_reconnected"]
    assert pipeline.errors == []
    assert len(log.of("WARNING", "ERROR")) == 1


async def test_a_server_that_takes_its_time_to_connect_hears_the_first_words() -> None:
    async with scripted(answer_commits) as server:
        port = int(server.endpoint.base_url.rsplit(":", 1)[1])
    gate = asyncio.Event()

    async def forward(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)
        sink.close()

    async with scripted(answer_commits) as server:
        target = int(server.endpoint.base_url.rsplit(":", 1)[1])

        async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await gate.wait()
            other_reader, other_writer = await asyncio.open_connection("127.0.0.1", target)
            await asyncio.gather(forward(reader, other_writer), forward(other_reader, writer))

        proxy = await asyncio.start_server(late, "127.0.0.1", port)
        service = PyAISTTService(api_key=KEY, base_url=f"http://127.0.0.1:{port}")
        async with running(service) as pipeline:
            await pipeline.say(0.6)
            await pipeline.until(VADUserStoppedSpeakingFrame)  # the pipeline has gone on meanwhile
            gate.set()
            final = await pipeline.until(TranscriptionFrame)
        proxy.close()
    assert final.text == f"{int(0.6 * SECOND)} bytes"


async def test_a_wrong_key_is_one_error_and_ends_the_service(log: Log) -> None:
    async with scripted(stay, refusals=[BAD_KEY] * 9) as server:
        service = hear(server)
        happened = Happenings(service, *EVENTS)
        async with running(service) as pipeline:
            await pipeline.when(lambda: bool(pipeline.errors), "an error")
            await pipeline.say(2.0)
            await pipeline.end()
    assert server.dials <= 2
    assert [error.category for error in pipeline.errors] == [ErrorCategory.AUTHENTICATION]
    assert not service.is_usable
    assert happened.names() == ["on_connection_error"]
    assert "PYAI_API_KEY" in pipeline.errors[0].error
    assert len([text for text in log.of("WARNING", "ERROR") if "unauthorized" in text]) == 1
    error = pipeline.errors[0].exception
    assert isinstance(error, PyAIError)
    assert KEY not in f"{error!r} {error.__cause__!r} {error.__context__!r} {vars(error)!r} {pipeline.errors[0]}"


async def test_a_key_revoked_in_the_middle_is_one_error_with_no_more_dials() -> None:
    async def revoke(peer: Peer) -> None:
        await peer.hear_audio(1000)
        await peer.socket.close(4401, "revoked")

    async with scripted(revoke) as server:
        service = hear(server)
        async with running(service) as pipeline:
            await pipeline.say(0.5)
            await pipeline.when(lambda: bool(pipeline.errors), "an error")
            await pipeline.say(0.5)
            await pipeline.end()
    assert server.dials == 1
    assert [error.category for error in pipeline.errors] == [ErrorCategory.AUTHENTICATION]


@pytest.mark.parametrize(
    ("status", "code", "category"),
    [
        (402, "credit_exhausted", ErrorCategory.QUOTA),
        (403, "insufficient_scope", ErrorCategory.AUTHORIZATION),
        (400, "unsupported_language", ErrorCategory.INVALID_REQUEST),
        (404, "unknown_route", ErrorCategory.INVALID_REQUEST),
    ],
)
async def test_a_refusal_that_repeating_cannot_help_is_one_permanent_error(
    status: int, code: str, category: ErrorCategory
) -> None:
    refusal = (status, {}, b'{"error": {"message": "No.", "code": "%s"}}' % code.encode())
    async with scripted(stay, refusals=[refusal] * 9) as server:
        service = hear(server)
        async with running(service) as pipeline:
            await pipeline.when(lambda: bool(pipeline.errors), "an error")
            await pipeline.say(0.5)
            await pipeline.end()
    assert server.dials == 1
    assert [error.category for error in pipeline.errors] == [category]
    assert code in pipeline.errors[0].error
    assert not service.is_usable


async def test_new_settings_give_a_refused_service_another_chance() -> None:
    refusal = (400, {}, b'{"error": {"message": "No.", "code": "unsupported_language"}}')
    async with scripted(answer_commits, refusals=[refusal]) as server:
        service = hear(server, language="xx")
        happened = Happenings(service, "on_connected")
        async with running(service) as pipeline:
            await pipeline.when(lambda: bool(pipeline.errors), "an error")
            await pipeline.send(STTUpdateSettingsFrame(delta=PyAISTTSettings(language="en")))
            await happened.until("on_connected")
            await pipeline.say(0.2)
            await pipeline.until(TranscriptionFrame)
    assert server.peers[0].query["language"] == "en"


async def test_a_wait_that_the_server_asks_for_is_kept_and_costs_no_audio() -> None:
    limit = (429, {"Retry-After": "1"}, b'{"error": {"message": "Slow down.", "code": "concurrency_limit_exceeded"}}')
    loop = asyncio.get_running_loop()
    async with scripted(answer_commits, refusals=[limit]) as server:
        began = loop.time()
        async with running(hear(server)) as pipeline:
            await pipeline.say(0.6)
            final = await pipeline.until(TranscriptionFrame)
        assert loop.time() - began >= 1.0
    assert final.text == f"{int(0.6 * SECOND)} bytes"
    assert server.dials == 2
    assert pipeline.errors == []


async def test_after_an_outage_that_lasted_too_long_it_goes_on_with_a_new_stream(log: Log) -> None:
    link = LinkOptions(ride_through=0.3, longest_delay=0.1)
    async with scripted(answer_commits, refusals=[BUSY] * 10_000) as server:
        service = hear(server, link=link)
        async with running(service) as pipeline:
            await pipeline.audio(0.2)
            await pipeline.when(lambda: len(pipeline.errors) >= 2, "errors")
            server.refusals.clear()
            happened = Happenings(service, "on_connected")
            await happened.until("on_connected")
            await pipeline.say(0.4)
            await pipeline.until(TranscriptionFrame)
    assert service.is_usable
    assert {error.category for error in pipeline.errors} == {ErrorCategory.SERVER}
    assert any("0.2 s of audio were lost" in text for text in log.of("WARNING"))


async def test_more_audio_than_can_be_kept_is_reported_as_lost() -> None:
    async with scripted(answer_commits, refusals=[BUSY] * 3) as server:
        async with running(hear(server, link=LinkOptions(journal=0.5))) as pipeline:
            await pipeline.say(1.5)
            await pipeline.until(TranscriptionFrame)
    assert [error.category for error in pipeline.errors] == [ErrorCategory.CONNECTIVITY]
    assert "1.0 s of audio were lost" in pipeline.errors[0].error


async def test_a_complaint_of_the_server_is_an_error_with_its_code_and_the_service_goes_on() -> None:
    async def complain(peer: Peer) -> None:
        await peer.say(type="error", code="invalid_request", message="endpointing_ms is not a number")
        await answer_commits(peer)

    async with scripted(complain) as server:
        service = hear(server)
        async with running(service) as pipeline:
            await pipeline.say(0.2)
            await pipeline.until(TranscriptionFrame)
    assert [error.category for error in pipeline.errors] == [ErrorCategory.APPLICATION]
    assert "invalid_request" in pipeline.errors[0].error
    assert service.is_usable


async def test_an_older_server_is_asked_by_the_older_name_without_a_word() -> None:
    async def old(peer: Peer) -> None:
        await peer.hear_commit()
        await peer.say(type="error", code="unknown_message_type", message="commit?")
        await peer.hear_commit()
        await peer.final("Tea.", reason="commit")
        await stay(peer)

    async with scripted(old) as server, running(hear(server)) as pipeline:
        await pipeline.say(0.2)
        final = await pipeline.until(TranscriptionFrame)
    assert final.finalized
    assert [text["type"] for text in server.peers[0].texts] == ["commit", "input_audio_buffer.commit"]
    assert pipeline.errors == []


async def test_a_close_with_1011_right_after_a_final_is_not_a_fault() -> None:
    async def recycle(peer: Peer) -> None:
        await peer.hear_commit()
        await peer.final("Tea.")
        await peer.socket.close(1011, "recycled")

    async with scripted(recycle, answer_commits) as server, running(hear(server)) as pipeline:
        await pipeline.say(0.2)
        await pipeline.until(TranscriptionFrame)
        await pipeline.say(0.2)
        await pipeline.until(TranscriptionFrame, 2)
    assert pipeline.errors == []
    assert [frame.finalized for frame in pipeline.all(TranscriptionFrame)] == [True, True]


async def test_an_open_connection_that_says_nothing_to_speech_is_given_up() -> None:
    async with scripted(stay, answer_commits) as server:
        service = hear(server, link=LinkOptions(silence_from_server=0.6))
        happened = Happenings(service, "on_reconnected")
        async with running(service) as pipeline:
            for frame in audio(3.0):
                frame.audio = b"\x00\x40" * 320
                await pipeline.send(frame)
            await happened.until("on_reconnected")
            await pipeline.say(0.2)
            await pipeline.until(TranscriptionFrame)
    assert pipeline.errors == []
