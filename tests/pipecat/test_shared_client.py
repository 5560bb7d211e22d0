"""One client for a process: where the services go, and whose connections they use."""

from __future__ import annotations

from typing import Any

import pytest
from pipecat.frames.frames import TTSAudioRawFrame

from pipecat_pyai import (
    PyAIAmdProcessor,
    PyAICueTurnDetector,
    PyAIOmniLLMService,
    PyAISegmentedSTTService,
    PyAISTTService,
    PyAITTSService,
)
from pyai_voice import Client
from tests.core.scripted_http import CANARY, Peer, answering, scripted, speaking
from tests.pipecat.pipeline import running
from tests.pipecat.speaking import ONE, turn


async def service(peer: Peer) -> None:
    await (answering(200, {"data": [], "key_id": "k"}) if peer.method == "GET" else speaking(ONE))(peer)


async def test_a_bots_voice_uses_the_clients_connections_and_leaves_them_open() -> None:
    async with scripted(service) as server, Client(server.endpoint()) as client:
        await client.me()
        for _ in range(2):
            async with running(PyAITTSService(client=client)) as pipeline:
                await pipeline.send(*turn("Hello."))
                await pipeline.until(TTSAudioRawFrame)
        await client.me()
        assert server.connections <= 2  # the voice is warmed up while it speaks
        assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {CANARY}"}


KINDS = [
    PyAIAmdProcessor,
    PyAICueTurnDetector,
    PyAIOmniLLMService,
    PyAISegmentedSTTService,
    PyAISTTService,
    PyAITTSService,
]


@pytest.mark.parametrize("kind", KINDS)
def test_http_to_another_machine_must_be_wanted(kind: Any) -> None:
    assert kind(api_key=CANARY, base_url="http://speech:8642", insecure=True)
    with pytest.raises(ValueError, match="insecure=True"):
        kind(api_key=CANARY, base_url="http://speech:8642")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_client_and_a_key_are_one_too_many(kind: Any) -> None:
    async with scripted(service) as server, Client(server.endpoint()) as client:
        assert kind(client=client)
        with pytest.raises(ValueError, match="client: it has a key"):
            kind(client=client, base_url="https://api.pyai.com")
