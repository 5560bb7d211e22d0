"""Transcription jobs against scripted servers on real sockets."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pyai_voice.errors import (
    AudioError,
    AuthenticationError,
    ConfigurationError,
    ConnectivityError,
    ProtocolError,
    RequestError,
    ServiceError,
    StalledError,
)
from pyai_voice.options import Endpoint
from pyai_voice.rest.jobs import JobSettings
from tests.core.scripted_http import Peer, Reply, answering, form, hang_up, rest

AUDIO = "https://acme.com/call.wav"
QUEUED = {"job_id": "job_1", "status": "queued", "created_at": 1_786_000_000_000, "updated_at": 1_786_000_000_000}
RESULT = {
    "text": "Hello. Good morning.",
    "speakers": 2,
    "audio_seconds": 4.5,
    "segments": [
        {"id": 0, "start": 0.0, "end": 1.5, "text": "Hello.", "speaker": "speaker_1", "channel": 0},
        {"id": 1, "start": 2.0, "end": 4.0, "text": "Good morning.", "speaker": "speaker_2", "channel": 1},
        "odd",
    ],
    "words": [{"start": 0.0, "end": 0.5, "word": "Hello", "sure": 0.9}],
    "formats": {"srt": "1\n00:00:00,000 --> 00:00:01,500\nHello.\n", "vtt": None},
}
DONE = {**QUEUED, "status": "completed", "result": RESULT}
ACCEPTED = answering(202, QUEUED)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyai_voice.rest.jobs._FIRST_WAIT", 0.01)


# Made


@pytest.mark.conforms("J-01")
async def test_a_recording_with_an_address_goes_as_json() -> None:
    settings = JobSettings(
        channel=True, vocabulary=("Smith, John",), output_formats=("json", "srt"), webhook_url="https://acme.com/done"
    )
    async with rest(ACCEPTED) as (client, server):
        job = await client.jobs.create(AUDIO, settings)
    request = server.requests[0]
    assert (request.method, request.target) == ("POST", "/v1/transcription/jobs")
    assert request.headers["content-type"] == "application/json"
    assert request.json == {
        "audio_url": AUDIO,
        "channel": True,
        "vocabulary": ["Smith, John"],
        "output_formats": ["json", "srt"],
        "webhook_url": "https://acme.com/done",
    }
    assert "idempotency-key" not in request.headers
    assert (job.job_id, job.status, job.finished, job.result) == ("job_1", "queued", False, None)
    assert job.created_at == datetime(2026, 8, 6, 7, 6, 40, tzinfo=UTC)


@pytest.mark.conforms("J-01")
async def test_a_recording_of_ones_own_goes_as_the_part_named_audio() -> None:
    settings = JobSettings(diarize=True, numerals=False, vocabulary=("Smith, John",), model="pyai-hear-telephony")
    pcm = bytes(3200)
    async with rest(ACCEPTED) as (client, server):
        await client.jobs.upload(pcm, settings, rate=8000)
    parts = form(server.requests[0])
    assert set(parts) == {"audio", "diarize", "numerals", "vocabulary", "model"}
    assert (parts["audio"].get_filename(), parts["audio"].get_content_type()) == ("audio.wav", "audio/wav")
    sent = {name: part.get_payload(decode=True) for name, part in parts.items() if name != "audio"}
    assert sent == {
        "diarize": b"true",
        "numerals": b"false",
        "vocabulary": b'["Smith, John"]',
        "model": b"pyai-hear-telephony",
    }


@pytest.mark.parametrize(
    "address", ["http://acme.com/a.wav", "ftp://acme.com", "call.wav", "https://me:pw@acme.com/a", "https://[::1/a"]
)
async def test_an_address_that_the_service_would_refuse_is_not_sent(address: str) -> None:
    async with rest(ACCEPTED) as (client, server):
        with pytest.raises(ConfigurationError, match="audio_url"):
            await client.jobs.create(address)
    assert not server.requests


async def test_what_is_no_recording_is_not_sent() -> None:
    async with rest(ACCEPTED) as (client, server):
        with pytest.raises(AudioError):
            await client.jobs.upload(b"hello")
    assert not server.requests


async def test_a_key_makes_one_job_of_two_attempts_and_a_conflict_of_another_body() -> None:
    kept: dict[str, bytes] = {}

    async def service(peer: Peer) -> None:
        key = peer.headers["idempotency-key"]
        if key in kept and kept[key] != peer.body:
            problem = {"type": "https://api.pyai.com/problems/idempotency_conflict", "status": 409}
            return await answering(409, problem, "application/problem+json")(peer)
        first = key not in kept
        kept[key] = peer.body
        await (hang_up if first else ACCEPTED)(peer)

    async with rest(service, window=5.0) as (client, server):
        job = await client.jobs.create(AUDIO, idempotency_key="call-7")
        assert (await client.jobs.create(AUDIO, idempotency_key="call-7")) == job
        with pytest.raises(RequestError, match="idempotency_conflict"):
            await client.jobs.create(f"{AUDIO}?2", idempotency_key="call-7")
    assert len(server.requests) == 4
    assert len(kept) == 1


# Followed


async def test_jobs_are_listed_and_read() -> None:
    async with rest(answering(200, {"data": [QUEUED, DONE]}), answering(200, DONE)) as (client, server):
        assert [job.finished async for job in client.jobs.list(limit=2)] == [False, True]
        assert (await client.jobs.get("job/1")).status == "completed"
    assert [request.target for request in server.requests] == [
        "/v1/transcription/jobs?limit=2",
        "/v1/transcription/jobs/job%2F1",
    ]


async def test_a_job_is_waited_for_and_its_result_is_read() -> None:
    running = answering(200, {**QUEUED, "status": "a_word_of_tomorrow"})
    async with rest(answering(200, QUEUED), running, answering(200, DONE)) as (client, server):
        result = await client.jobs.result("job_1")
    assert len(server.requests) == 3
    assert (result.text, result.speakers, result.audio_seconds) == ("Hello. Good morning.", 2, 4.5)
    first, second = result.segments
    assert (first.start, first.end, first.speaker, first.channel, second.channel) == (0.0, 1.5, "speaker_1", 0, 1)
    assert result.words[0].model_extra == {"sure": 0.9}
    assert result.formats.srt and result.formats.srt.startswith("1\n") and result.formats.vtt is None


async def test_an_outage_does_not_end_the_waiting() -> None:
    replies = [answering(503)] * 4 + [hang_up, answering(200, DONE)]
    async with rest(*replies, window=0.05) as (client, _):
        assert (await client.jobs.wait("job_1")).finished


async def test_a_refusal_ends_the_waiting_at_once() -> None:
    async with rest(answering(200, QUEUED), answering(401)) as (client, server):
        with pytest.raises(AuthenticationError):
            await client.jobs.wait("job_1")
    assert len(server.requests) == 2


async def test_the_waiting_has_an_end() -> None:
    async with rest(answering(200, QUEUED)) as (client, _):
        with pytest.raises(StalledError, match="not finished after 0.1 s") as caught:
            await client.jobs.wait("job_1", timeout=0.1)
    assert caught.value.code == "job_unfinished"
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("fields", "kind", "said"),
    [
        ({"status": "failed", "error": "diarize: HTTP 500"}, ServiceError, "failed: diarize: HTTP 500.*job_failed"),
        ({"status": "cancelled"}, ServiceError, "cancelled: no reason given.*job_cancelled"),
        ({"status": "completed"}, ProtocolError, "has no result"),
    ],
)
async def test_a_job_without_a_result_is_an_error(fields: dict[str, Any], kind: type[Exception], said: str) -> None:
    async with rest(answering(200, {**QUEUED, **fields})) as (client, _):
        with pytest.raises(kind, match=said):
            await client.jobs.result("job_1")


# Large results


def elsewhere(path: str = "/results/1?signature=s3cr3t") -> Reply:
    """Name an address on the same scripted server, as the local server does."""

    async def reply(peer: Peer) -> None:
        await answering(200, {**QUEUED, "status": "completed", "result_url": f"http://{peer.headers['host']}{path}"})(
            peer
        )

    return reply


@pytest.mark.conforms("J-03")
@pytest.mark.parametrize("body", [RESULT, {"result": RESULT}])
async def test_a_large_result_is_fetched_without_the_key(body: dict[str, Any]) -> None:
    async with rest(elsewhere(), answering(200, json.dumps(body).encode(), "binary/octet-stream")) as (client, server):
        result = await client.jobs.result("job_1")
    assert result.text == "Hello. Good morning."
    assert server.requests[1].target == "/results/1?signature=s3cr3t"
    assert not {"authorization", "x-api-key"} & set(server.requests[1].headers)


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:{port}/results/1?signature=s3cr3t",
        "https://127.0.0.1:{port}/results/1?signature=s3cr3t",
        "https://localhost:{port}/results/1?signature=s3cr3t",
        "https://[::1]:{port}/?signature=s3cr3t",
        "https://[::ffff:127.0.0.1]:{port}/?signature=s3cr3t",
        "https://2130706433:{port}/?signature=s3cr3t",
        "https://169.254.169.254/latest?signature=s3cr3t",
        "https://10.0.0.1/?signature=s3cr3t",
        "file:///etc/passwd?signature=s3cr3t",
    ],
)
async def test_a_result_is_not_fetched_from_the_inside(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def reply(peer: Peer) -> None:
        url = address.format(port=server.port)
        await answering(200, {**QUEUED, "status": "completed", "result_url": url})(peer)

    async with rest(reply, answering(200, RESULT)) as (client, server):
        monkeypatch.setattr(Endpoint, "is_loopback", lambda _: False)
        with pytest.raises(ConnectivityError) as caught:
            await client.jobs.result("job_1")
    assert caught.value.code == "blocked_address"
    assert "s3cr3t" not in f"{caught.value}{caught.value.__context__}"
    assert server.connections == 1
    assert len(server.requests) == 1


async def test_the_address_of_a_result_is_in_no_repr() -> None:
    async with rest(elsewhere()) as (client, _):
        job = await client.jobs.get("job_1")
    assert job.result_url and "s3cr3t" not in repr(job)


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (answering(302, location="http://127.0.0.2/"), ServiceError, "result_unavailable"),
        (answering(403, b"<Error>s3cr3t</Error>", "application/xml"), ServiceError, "403, result_unavailable"),
        (answering(200, b"<html>", "text/html"), ProtocolError, "not JSON"),
        (answering(200, b"[1]", "application/json"), None, ""),
    ],
)
async def test_a_result_that_cannot_be_had_is_one_error(reply: Reply, kind: type[Exception] | None, said: str) -> None:
    async with rest(elsewhere(), reply) as (client, server):
        if kind is None:
            assert (await client.jobs.result("job_1")).text == ""
        else:
            with pytest.raises(kind, match=said) as caught:
                await client.jobs.result("job_1")
            assert "s3cr3t" not in str(caught.value)
    assert len(server.requests) == 2


async def test_a_result_that_cannot_be_had_yet_is_asked_for_again() -> None:
    replies = elsewhere(), hang_up, answering(503), answering(200, RESULT)
    async with rest(*replies, window=5.0) as (client, server):
        assert (await client.jobs.result("job_1")).speakers == 2
    assert len(server.requests) == 4


async def test_a_result_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyai_voice.rest.jobs._LARGEST_RESULT", 1000)
    async with rest(elsewhere(), answering(200, bytes(2000), "application/json")) as (client, _):
        with pytest.raises(ConnectivityError, match="too_large"):
            await client.jobs.result("job_1")


# Stopped


async def test_a_job_is_cancelled_where_the_server_can() -> None:
    async with rest(answering(200, {**QUEUED, "status": "cancelled"})) as (client, server):
        assert (await client.jobs.cancel("job_1")).status == "cancelled"
    assert (server.requests[0].method, server.requests[0].target) == ("POST", "/v1/transcription/jobs/job_1/cancel")
