"""Inside LiveKit's FallbackAdapter a PyAI that cannot be reached makes way for the next provider."""

from __future__ import annotations

import asyncio

from livekit.agents import stt as livekit_stt
from livekit.agents import tts as livekit_tts

from livekit_pyai import TTS
from tests.core.scripted import Peer, scripted, stay
from tests.core.scripted_http import CANARY, answering, speaking
from tests.core.scripted_http import scripted as scripted_http

from .helpers import SECOND, hear, is_end, push, texts, until


async def test_hearing_goes_on_with_the_next():
    refusals: list[tuple[int, dict[str, str], bytes]] = [(403, {}, b"")] * 9

    async def hears(peer: Peer) -> None:
        await peer.hear_audio(SECOND // 10)
        await peer.final("Hello.", "endpoint")
        await stay(peer)

    async with scripted(stay, refusals=refusals) as closed, scripted(hears) as open_:
        async with hear(closed) as first, hear(open_) as second:
            adapter = livekit_stt.FallbackAdapter([first, second])
            assert adapter.capabilities.manual_flush and adapter.capabilities.keyterms
            async with adapter.stream() as stream:
                talking = asyncio.create_task(talk(stream))
                events = await until(stream, is_end)
                talking.cancel()
            await adapter.aclose()
        assert texts(events) == ["Hello."]


async def test_hearing_goes_on_with_the_next_when_the_adapters_patience_is_over():
    """The core would ride through 30 s; in an adapter the time of its attempts counts."""
    cut = asyncio.Event()

    async def dies(peer: Peer) -> None:
        await peer.hear_audio(SECOND // 10)
        cut.set()
        peer.abort()

    async def hears(peer: Peer) -> None:
        await peer.hear_audio(SECOND // 10)
        await peer.final("Still here.", "endpoint")
        await stay(peer)

    away: list[tuple[int, dict[str, str], bytes]] = [(503, {}, b"")] * 1000
    async with scripted(dies) as dying, scripted(hears) as open_:
        async with hear(dying) as first, hear(open_) as second:
            adapter = livekit_stt.FallbackAdapter([first, second], attempt_timeout=0.3, max_retry_per_stt=0)
            async with adapter.stream() as stream:
                talking = asyncio.create_task(talk(stream))
                async with asyncio.timeout(20):
                    await cut.wait()
                dying.refusals.extend(away)
                events = await until(stream, is_end)
                talking.cancel()
            await adapter.aclose()
        assert texts(events) == ["Still here."]


async def talk(stream: livekit_stt.RecognizeStream) -> None:
    while True:
        push(stream, 0.1)
        await asyncio.sleep(0.1)


async def test_speaking_goes_on_with_the_next():
    voice = b"\x07\x00" * 12000
    refused = answering(403, {"error": {"code": "forbidden", "message": "no"}})
    async with scripted_http(refused) as closed, scripted_http(speaking(voice)) as open_:
        addresses = [{"api_key": CANARY, "base_url": f"http://127.0.0.1:{server.port}"} for server in (closed, open_)]
        async with TTS(**addresses[0]) as first, TTS(**addresses[1]) as second:
            adapter = livekit_tts.FallbackAdapter([first, second])
            async with asyncio.timeout(20), adapter.stream() as stream:
                stream.push_text("Hello there.")
                stream.end_input()
                heard = b"".join([audio.frame.data.tobytes() async for audio in stream])
            await adapter.aclose()
        assert voice in heard
