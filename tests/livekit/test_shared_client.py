"""One client for a process: its connections serve STT and TTS, and outlive them."""

from __future__ import annotations

import pytest

from livekit_pyai import STT, TTS
from pyai_voice import Client
from tests.core.scripted_http import CANARY, Peer, answering, scripted, speaking

from .helpers import frames
from .test_recognize import ONCE
from .test_tts import listen, pcm, sound


async def service(peer: Peer) -> None:
    hears = peer.target.startswith("/v1/audio/transcriptions")
    await (answering(200, {"text": "Hello."}) if hears else speaking(pcm(0.1)))(peer)


async def test_one_pool_serves_both_and_stays_open():
    async with scripted(service) as server, Client(server.endpoint()) as client:
        for _ in range(2):
            async with STT(client=client) as stt, TTS(client=client) as tts:
                event = await stt.recognize(next(frames(0.1)), conn_options=ONCE)
                assert event.alternatives[0].text == "Hello."
                assert sound(await listen(tts.synthesize("Hello."))) == pcm(0.1)
        assert (await client.audio.transcribe(bytes(640), rate=16000)).text == "Hello."
        assert server.connections == 1


@pytest.mark.parametrize("kind", [STT, TTS])
async def test_a_client_and_a_key_are_one_too_many(kind: type[STT] | type[TTS]):
    async with scripted(service) as server, Client(server.endpoint()) as client:
        with pytest.raises(ValueError, match="client: it has a key"):
            kind(client=client, api_key=CANARY)
