"""Two hundred openings and closings leave nothing behind: no task, no socket, no memory."""

from __future__ import annotations

import asyncio
import gc
import os
import tracemalloc
from collections.abc import Awaitable, Callable

from livekit.agents import APIConnectOptions

from livekit_pyai import STT, TTS, RealtimeModel
from tests.core.omni_service import omni_service, stay
from tests.core.scripted import KEY, answer_commits, scripted
from tests.core.scripted_http import CANARY, answering, speaking
from tests.core.scripted_http import scripted as scripted_http

from .helpers import SECOND, frames, hear, push, rest, texts

WARM_UP, TRACED, MEASURED = 20, 80, 100
"""Cycles that fill caches, cycles that replace what is in them, cycles that count."""
ONCE = APIConnectOptions(max_retry=0, timeout=5.0)


async def assert_nothing_is_left(cycle: Callable[[], Awaitable[None]], most: int = 200) -> None:
    """Run 200 cycles; in the second hundred none may leave a task, a file or ``most`` bytes."""
    await run(cycle, WARM_UP)
    tracemalloc.start(1)
    try:
        before = await run(cycle, TRACED)
        after = await run(cycle, MEASURED)
    finally:
        tracemalloc.stop()
    tasks, files, size = (now - then for now, then in zip(after, before, strict=True))
    assert tasks <= 2 and files <= 2  # the server's last connection may still be closing
    assert size < most * MEASURED


async def run(cycle: Callable[[], Awaitable[None]], times: int) -> tuple[int, int, int]:
    """Return how many tasks, open files and traced bytes there are afterwards."""
    for _ in range(times):
        await cycle()
    gc.collect()
    return len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd")), tracemalloc.get_traced_memory()[0]


async def test_streams_of_one_stt():
    async with scripted(answer_commits) as server, hear(server) as stt:

        async def cycle() -> None:
            async with stt.stream(conn_options=ONCE) as stream:
                push(stream, 0.1)
                stream.end_input()
                assert texts(await rest(stream)) == [f"{SECOND // 10} bytes"]
            server.peers.clear()

        await assert_nothing_is_left(cycle)


async def test_streams_that_are_closed_before_they_have_connected():
    async with scripted(answer_commits) as server, hear(server) as stt:

        async def cycle() -> None:
            stream = stt.stream(conn_options=ONCE)
            push(stream, 0.1)
            await stream.aclose()
            server.peers.clear()

        await assert_nothing_is_left(cycle)


async def test_omni_calls_that_are_hung_up():
    async with omni_service(stay) as service:

        async def cycle() -> None:
            model = RealtimeModel(api_key=KEY, base_url=service.endpoint.base_url)
            session = model.session()
            dialled = asyncio.Event()
            session.on("configured", lambda _: dialled.set())
            await session.update_instructions("Help.")
            await session.update_tools([])
            await dialled.wait()
            session.push_audio(next(frames(0.02)))
            await model.aclose()
            service.peers.clear()
            service.dials.clear()

        await assert_nothing_is_left(cycle, most=500)  # no object stays; what is cached differs by a few kB


async def test_whole_objects_with_replies_recordings_and_interruptions():
    answers = (answering(200, {"text": "yes"}), speaking(bytes(9600)), speaking(bytes(9600)))
    async with scripted_http(*answers) as server:

        async def cycle() -> None:
            address = {"api_key": CANARY, "base_url": f"http://127.0.0.1:{server.port}"}
            async with STT(**address) as stt, TTS(voice="emma", **address) as tts:
                await stt.recognize(next(frames(0.02)), conn_options=ONCE)
                async with tts.synthesize("Hello.", conn_options=ONCE) as whole:
                    assert [audio async for audio in whole]
                async with tts.stream(conn_options=ONCE) as reply:
                    reply.push_text("The first sentence is here. The second sentence follows it. ")
                    reply.end_input()
                    await anext(reply)  # and no more: the caller interrupts
            server.requests.clear()

        await assert_nothing_is_left(cycle)
