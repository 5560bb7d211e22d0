"""Transcription jobs: from queued to their end, over restarts, with their callback."""

from __future__ import annotations

import asyncio
import io
import json
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pyai_voice.audio import AudioFormat, wav_bytes
from pyai_voice.server.engines import Recognition
from pyai_voice.server.resources import jobs as job_routes
from pyai_voice.server.serving import bind, serving
from pyai_voice.server.settings import Settings
from pyai_voice.server.state import jobs as job_store
from pyai_voice.webhooks import verify_webhook
from tests.server.conftest import Local, serve
from tests.server.fakes import silence, tone

JOBS = "/v1/transcription/jobs"
SOUND = silence(0.4) + tone(0.4) + silence(1.2)
WAV = wav_bytes(SOUND, AudioFormat(16000))


def stereo() -> bytes:
    """One word on the left, then three on the right."""
    left = np.frombuffer(tone(0.2) + silence(2.6), np.int16)
    right = np.frombuffer(silence(1.4) + tone(0.6) + silence(0.8), np.int16)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(np.stack([left, right], axis=1).tobytes())
    return buffer.getvalue()


class Site:
    """A web site with a recording, and an address that takes callbacks."""

    def __init__(self, origin: str) -> None:
        self.recording = f"{origin}/call.wav"
        self.hook = f"{origin}/hook"
        self.file: Response = Response(WAV)
        self.refusals: list[int] = []
        self.taken: asyncio.Queue[tuple[bytes, str]] = asyncio.Queue()

    async def serve_file(self, request: Request) -> Response:
        return self.file

    async def take(self, request: Request) -> Response:
        if self.refusals:
            return Response(status_code=self.refusals.pop(0))
        await self.taken.put((await request.body(), request.headers["x-pyai-signature"]))
        return Response(status_code=204)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    listening = bind()
    found = Site(f"http://127.0.0.1:{listening.getsockname()[1]}")
    routes = [Route("/call.wav", found.serve_file), Route("/hook", found.take, methods=["POST"])]
    async with serving(Starlette(routes=routes), Settings(), listening):
        yield found


@asynccontextmanager
async def here(**options: Any) -> AsyncIterator[Local]:
    async with serve(Settings(outbound_loopback=True, **options)) as local:
        yield local


@pytest.fixture
async def local() -> AsyncIterator[Local]:
    async with here() as found:
        yield found


async def upload(local: Local, file: bytes = WAV, **fields: str) -> dict[str, Any]:
    answer = await local.post(JOBS, files={"audio": ("call.wav", file)}, data=fields)
    assert answer.status_code == 202, answer.text
    return answer.json()


async def ended(local: Local, job_id: str, status: str) -> dict[str, Any]:
    job: dict[str, Any] = {}
    for _ in range(2000):
        job = (await local.get(f"{JOBS}/{job_id}")).json()
        if job["status"] not in ("queued", "running"):
            break
        await asyncio.sleep(0.01)
    assert job["status"] == status, job
    return job


def gate(local: Local) -> tuple[asyncio.Event, asyncio.Event]:
    """Make the recogniser wait; return what opens it, and what is set when it is asked."""
    recognizer: Any = local.engines.recognizer
    recognize, opened, asked = recognizer.recognize, asyncio.Event(), asyncio.Event()

    async def wait(*arguments: Any) -> Recognition:
        asked.set()
        await opened.wait()
        return await recognize(*arguments)

    recognizer.recognize = wait
    return opened, asked


async def test_an_uploaded_recording_is_transcribed(local: Local) -> None:
    accepted = await upload(local, output_formats="json,srt,vtt", call_id="call_7")
    assert set(accepted) == {"job_id", "status", "created_at", "updated_at"}
    assert (accepted["status"], accepted["job_id"][:4]) == ("queued", "job_")
    job = await ended(local, accepted["job_id"], "completed")
    result = job["result"]
    assert (result["text"], result["audio_seconds"], result["words"]) == ("w1 w2.", 2.0, [])
    (segment,) = result["segments"]
    assert (segment["id"], segment["text"], segment["speaker"], segment["channel"]) == (0, "w1 w2.", None, None)
    assert segment["start"] == pytest.approx(0.4, abs=0.1)
    assert result["formats"]["srt"].startswith("1\n00:00:00,")
    assert result["formats"]["vtt"].startswith("WEBVTT\n")
    assert (job["error"], job["result_url"], job["call_id"]) == (None, None, "call_7")
    assert [each["job_id"] for each in (await local.get(JOBS)).json()["data"]] == [accepted["job_id"]]


async def test_each_channel_is_a_speaker(local: Local) -> None:
    accepted = await upload(local, stereo(), channel="true")
    result = (await ended(local, accepted["job_id"], "completed"))["result"]
    assert [(each["text"], each["speaker"], each["channel"]) for each in result["segments"]] == [
        ("w1.", "speaker_1", 0),
        ("w1 w2 w3.", "speaker_2", 1),
    ]
    assert (result["speakers"], result["formats"], result["audio_seconds"]) == (2, None, 2.8)


async def test_a_recording_is_fetched_and_the_end_is_posted_signed(local: Local, site: Site) -> None:
    secret = (await local.post("/v1/webhooks/signing-secret")).json()["secret"]
    site.refusals = [503, 429]
    body = {"audio_url": site.recording, "webhook_url": site.hook, "call_id": "call_7"}
    accepted = (await local.post(JOBS, json=body)).json()
    async with asyncio.timeout(20):
        news, signature = await site.taken.get()
    verify_webhook(news, signature, secret)
    assert {**json.loads(news), "updated_at": 0} == {
        **accepted,
        "status": "completed",
        "call_id": "call_7",
        "updated_at": 0,
    }
    assert (await ended(local, accepted["job_id"], "completed"))["result"]["text"] == "w1 w2."


async def test_a_receiver_that_refuses_is_not_asked_again(local: Local, site: Site) -> None:
    site.refusals = [410]
    accepted = (await local.post(JOBS, json={"audio_url": site.recording, "webhook_url": site.hook})).json()
    await ended(local, accepted["job_id"], "completed")
    second = (await local.post(JOBS, json={"audio_url": site.recording, "webhook_url": site.hook})).json()
    async with asyncio.timeout(20):
        news, _ = await site.taken.get()
    assert json.loads(news)["job_id"] == second["job_id"]
    assert site.refusals == []


@pytest.mark.parametrize(
    ("status", "content", "word"),
    [(404, b"", "upstream_error"), (200, b"no sound", "invalid_audio"), (200, b"", "invalid_audio")],
)
async def test_a_recording_that_is_none_fails_the_job(
    local: Local, site: Site, status: int, content: bytes, word: str
) -> None:
    site.file = Response(content, status)
    accepted = (await local.post(JOBS, json={"audio_url": site.recording, "webhook_url": site.hook})).json()
    job = await ended(local, accepted["job_id"], "failed")
    assert job["error"].startswith(word)
    assert job["result"] is None
    async with asyncio.timeout(20):
        news, _ = await site.taken.get()
    assert json.loads(news)["status"] == "failed"


async def test_a_recording_too_large_fails_the_job(site: Site) -> None:
    async with here(max_upload=1000) as local:
        accepted = (await local.post(JOBS, json={"audio_url": site.recording})).json()
        assert (await ended(local, accepted["job_id"], "failed"))["error"].startswith("too_large")


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1/a.wav",
        "https://127.0.0.1:1/a.wav",
        "https://[::1]/a.wav",
        "https://10.0.0.1/a.wav",
        "https://169.254.169.254/latest/meta-data/",
        "https://localhost/a.wav",
    ],
)
async def test_what_only_this_machine_can_reach_is_not_fetched(address: str) -> None:
    async with serve() as local:
        answer = await local.post(JOBS, json={"audio_url": address})
        if answer.status_code == 400:
            assert "audio_url" in answer.json()["detail"]
        else:
            job = await ended(local, answer.json()["job_id"], "failed")
            assert job["error"].startswith("blocked_address")


async def test_a_failure_of_the_engine_fails_the_job_and_not_the_next_one(
    local: Local, caplog: pytest.LogCaptureFixture
) -> None:
    local.engines.recognizer.error = RuntimeError("broken")  # pyright: ignore[reportAttributeAccessIssue] - the fake has it
    accepted = await upload(local)
    assert (await ended(local, accepted["job_id"], "failed"))["error"].startswith("internal_error")
    assert "a transcription job failed" in caplog.text
    local.engines.recognizer.error = None  # pyright: ignore[reportAttributeAccessIssue] - the fake has it
    await ended(local, (await upload(local))["job_id"], "completed")


async def test_a_job_is_cancelled_while_it_waits_and_while_it_runs(local: Local) -> None:
    opened, asked = gate(local)
    running, waiting, last = [(await upload(local))["job_id"] for _ in range(3)]
    await asked.wait()
    for job_id in (waiting, running):
        assert (await local.post(f"{JOBS}/{job_id}/cancel")).json()["status"] == "cancelled"
        again = await local.post(f"{JOBS}/{job_id}/cancel")
        assert (again.status_code, again.json()["type"].rpartition("/")[2]) == (409, "already_finished")
    opened.set()
    await ended(local, last, "completed")
    assert [(await local.get(f"{JOBS}/{each}")).json()["status"] for each in (running, waiting)] == ["cancelled"] * 2


async def test_a_restart_begins_again_what_was_half_done_and_posts_what_was_not_posted(
    tmp_path: Path, site: Site
) -> None:
    async with here(data=tmp_path) as local:
        opened, asked = gate(local)
        running = await upload(local, webhook_url=site.hook)
        waiting = await upload(local, stereo(), channel="true")
        await asked.wait()
        assert (await local.get(f"{JOBS}/{running['job_id']}")).json()["status"] == "running"
        del opened
    async with here(data=tmp_path) as local:
        assert (await ended(local, running["job_id"], "completed"))["result"]["text"] == "w1 w2."
        assert (await ended(local, waiting["job_id"], "completed"))["result"]["speakers"] == 2
        async with asyncio.timeout(20):
            news, _ = await site.taken.get()
        assert json.loads(news)["job_id"] == running["job_id"]


async def test_one_job_too_many_is_told_when_to_come_back(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_store, "MOST_QUEUED", 2)
    opened, asked = gate(local)
    first = await upload(local)
    await asked.wait()
    waiting = [await upload(local) for _ in range(2)]
    refused = await local.post(JOBS, files={"audio": ("call.wav", WAV)})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    assert refused.json()["type"].rpartition("/")[2] == "concurrency_limit_exceeded"
    opened.set()
    for job in (first, *waiting):
        await ended(local, job["job_id"], "completed")


@pytest.mark.conforms("J-02")
async def test_the_same_idempotency_key_gets_the_same_job_and_another_body_a_conflict(local: Local, site: Site) -> None:
    async def create(key: str, **fields: Any) -> httpx.Response:
        headers = {**local.bearer, "Idempotency-Key": key}
        return await local.http.post(JOBS, json={"audio_url": site.recording, **fields}, headers=headers)

    same = await asyncio.gather(*(create("k1") for _ in range(5)))
    assert [answer.status_code for answer in same] == [202] * 5
    assert len({answer.text for answer in same}) == 1
    await ended(local, same[0].json()["job_id"], "completed")
    assert (await create("k1")).text == same[0].text
    conflict = await create("k1", channel=True)
    assert (conflict.status_code, conflict.json()["type"].rpartition("/")[2]) == (409, "idempotency_conflict")
    assert (await create("k2")).json()["job_id"] != same[0].json()["job_id"]
    assert len((await local.get(JOBS)).json()["data"]) == 2
    assert (await create("x" * 256)).status_code == 400


async def test_a_large_result_has_an_address_of_its_own(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_routes, "_INLINE", 10)
    job = await ended(local, (await upload(local))["job_id"], "completed")
    assert job["result"] is None
    address = job["result_url"]
    assert (await local.http.get(address)).json()["text"] == "w1 w2."
    for wrong in (address[:-1], address.partition("?")[0], address.replace("job_", "job_0")):
        assert (await local.http.get(wrong)).status_code == 404


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "audio_url"),
        ({"audio_url": "ftp://files.example/a.wav"}, "audio_url"),
        ({"audio_url": "https://user:pass@files.example/a.wav"}, "audio_url"),
        ({"channel": True, "diarize": True}, "channel"),
        ({"channel": "true"}, "channel"),
        ({"diarize": True}, "diarize"),
        ({"dictation": True}, "dictation"),
        ({"output_formats": ["pdf"]}, "output_formats"),
        ({"webhook_url": "http://10.0.0.1/"}, "webhook_url"),
        ({"model": "other"}, "model"),
        ({"vocabulary": "one, two"}, "vocabulary"),
    ],
)
async def test_what_a_job_cannot_be_is_named(local: Local, fields: dict[str, Any], named: str) -> None:
    body = {"audio_url": "https://files.example/a.wav", **fields} if fields else {}
    answer = await local.post(JOBS, json=body)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(named)
    assert (await local.get(JOBS)).json()["data"] == []


async def test_exactly_one_recording_is_asked_for(local: Local) -> None:
    url = {"audio_url": "https://files.example/a.wav"}
    for options in (
        {"files": {"audio": ("a.wav", WAV)}, "data": url},
        {"files": {"file": ("a.wav", WAV)}},
        {"files": {"audio": ("a.wav", b"")}},
        {"files": {"audio": ("a.wav", WAV)}, "data": {"channel": "perhaps"}},
    ):
        answer = await local.post(JOBS, **options)
        assert answer.status_code == 400, answer.text
