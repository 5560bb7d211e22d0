"""Transcription jobs from the core to the local server and back: signed news, a server that restarts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pyai_voice import verify_webhook
from pyai_voice.audio import AudioFormat, wav_bytes
from pyai_voice.client import Client
from pyai_voice.errors import WebhookError
from pyai_voice.rest.jobs import JobSettings
from pyai_voice.server.serving import bind, serving
from pyai_voice.server.settings import Settings
from pyai_voice.testing import FaultyServer, coded_speech
from pyai_voice.webhooks import WebhookVerifier

WAV = wav_bytes(coded_speech(100), AudioFormat(16000))
Calls = asyncio.Queue[tuple[bytes, str]]


@asynccontextmanager
async def receiver() -> AsyncIterator[tuple[str, Calls]]:
    """Take callbacks; yields the address and what came."""
    calls: Calls = asyncio.Queue()

    async def take(request: Request) -> Response:
        await calls.put((await request.body(), request.headers["x-pyai-signature"]))
        return Response(status_code=204)

    async with serving(Starlette(routes=[Route("/hook", take, methods=["POST"])]), Settings(), bind()) as (_, url):
        yield f"{url}/hook", calls


async def new_secret(server: FaultyServer) -> str:
    headers = {"Authorization": f"Bearer {server.api_key}"}
    async with httpx.AsyncClient(base_url=server.base_url, headers=headers, trust_env=False) as http:
        return str((await http.post("/v1/webhooks/signing-secret")).json()["secret"])


async def test_the_news_of_a_job_is_signed_and_believed_once_also_while_the_secret_changes() -> None:
    settings = Settings(outbound_loopback=True)
    async with FaultyServer(settings=settings) as server, aclosing(Client(server.endpoint)) as client:
        async with receiver() as (hook, calls), asyncio.timeout(30):
            secret = await new_secret(server)
            job = await client.jobs.upload(WAV, JobSettings(webhook_url=hook))
            body, signature = await calls.get()
    verifier = WebhookVerifier(["an older secret", secret])
    verifier.verify(body, signature)
    with pytest.raises(WebhookError):
        verifier.verify(body, signature)
    with pytest.raises(WebhookError):
        verify_webhook(body + b" ", signature, secret)
    assert json.loads(body)["job_id"] == job.job_id


async def test_whoever_waits_for_a_job_does_not_see_that_the_server_restarts() -> None:
    async with FaultyServer() as server, aclosing(Client(server.endpoint)) as client:
        job = await client.jobs.upload(WAV)
        await server.stop()
        waiting = asyncio.create_task(client.jobs.result(job.job_id, timeout=30))
        await server.start()
        assert (await waiting).text == "0-99."
