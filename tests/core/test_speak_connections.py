"""SpeakClient's connections to a scripted server: leaving early, and warm ones."""

from __future__ import annotations

import asyncio

import pytest

from pyai_voice.errors import ConfigurationError, ConnectivityError
from pyai_voice.speak import SpeakClient
from tests.core.scripted_http import Peer, answering, scripted, speaking
from tests.core.speak_support import PCM, SAMPLES, speaker

# Leaving early


async def _endless(peer: Peer, gone: asyncio.Event) -> None:
    await peer.head()
    await peer.chunk(SAMPLES)
    await peer.gone()
    gone.set()


@pytest.mark.conforms("S-04")
@pytest.mark.parametrize("way", ["cancel", "leave", "aclose", "client"])
async def test_leaving_early_is_seen_by_the_server_at_once(way: str) -> None:
    gone, started = asyncio.Event(), asyncio.Event()

    async with speaker(lambda peer: _endless(peer, gone), gap_timeout=60) as (client, _):

        async def listen() -> int:
            async with client.stream("Hello.", PCM) as speech:
                count = 0
                async for _ in speech:
                    count += 1
                    started.set()
                    if way == "leave":
                        break
                    if way == "aclose":
                        asyncio.get_running_loop().call_soon(
                            lambda: closing.append(asyncio.ensure_future(speech.aclose()))
                        )
                return count

        closing: list[asyncio.Future[None]] = []
        task = asyncio.create_task(listen())
        async with asyncio.timeout(10):
            await started.wait()
            if way == "cancel":
                task.cancel()
            if way == "client":
                await client.aclose()
            await gone.wait()
            result = (await asyncio.gather(task, return_exceptions=True))[0]
            await asyncio.gather(*closing)
    if way == "cancel":
        assert isinstance(result, asyncio.CancelledError)
    elif way == "client":
        assert isinstance(result, ConnectivityError)
    else:
        assert result == 1


async def test_cancelling_before_the_first_byte_is_seen_too() -> None:
    gone, asked = asyncio.Event(), asyncio.Event()

    async def reply(peer: Peer) -> None:
        asked.set()
        await peer.gone()
        gone.set()

    async with speaker(reply, first_byte_timeout=60) as (client, _):
        task = asyncio.create_task(client.speak("Hello.", PCM))
        async with asyncio.timeout(10):
            await asked.wait()
            task.cancel()
            await gone.wait()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_client_that_is_closed_says_so() -> None:
    async with speaker(speaking(SAMPLES)) as (client, _):
        await client.aclose()
        await client.aclose()
        with pytest.raises(ConfigurationError, match="closed"):
            await client.speak("Hello.", PCM)


async def test_no_task_or_connection_is_left_behind() -> None:
    async with scripted(speaking(SAMPLES, SAMPLES)) as server:
        before = len(asyncio.all_tasks())
        for _ in range(50):
            async with SpeakClient(server.endpoint()) as client, client.stream("Hello.", PCM) as speech:
                await anext(speech)
        async with asyncio.timeout(10):  # generators that were left early are closed by tasks of the event loop
            while len(asyncio.all_tasks()) > before:
                await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})


# Warm connections


async def test_a_second_request_uses_the_connection_of_the_first() -> None:
    async with speaker(answering(200, {"data": []}), speaking(SAMPLES)) as (client, server):
        assert await client.prewarm()
        await client.speak("One.", PCM)
        await client.speak("Two.", PCM)
    assert server.connections == 1
    assert server.requests[0].method == "GET"


@pytest.mark.parametrize("status", [401, 404, 500])
async def test_prewarming_does_not_mind_a_refusal(status: int) -> None:
    async with speaker(answering(status, {}), speaking(SAMPLES)) as (client, server):
        assert await client.prewarm()
        await client.speak("One.", PCM)
    assert server.connections == 1


async def test_prewarming_nobody_says_so() -> None:
    async with scripted() as server:
        endpoint = server.endpoint()
    async with SpeakClient(endpoint) as client:
        assert not await client.prewarm()
