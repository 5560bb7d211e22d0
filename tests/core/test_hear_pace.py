"""How much audio a Hear stream puts into a message: little where words are waited for, more where nobody speaks."""

from __future__ import annotations

import asyncio

from pyai_voice.events import Connected, Transcript
from pyai_voice.hear import HearStream
from tests.core.scripted import Peer, scripted

QUIET = bytes(640)
LOUD = (3000).to_bytes(2, "little") * 320


async def heard(sizes: asyncio.Queue[int]) -> int:
    async with asyncio.timeout(10):
        return await sizes.get()


async def event(stream: HearStream, kind: type) -> None:
    async with asyncio.timeout(10):
        async for told in stream:
            if isinstance(told, kind):
                return


async def test_messages_are_small_from_the_first_sound_to_the_first_words() -> None:
    sizes: asyncio.Queue[int] = asyncio.Queue()

    async def listen(peer: Peer) -> None:
        while isinstance(message := await peer.hear(), bytes):
            sizes.put_nowait(len(message))
            if len(message) == len(LOUD):
                await peer.say(type="partial", text="one", utterance_id="u", t_ms=100)

    async with scripted(listen) as server, HearStream(server.endpoint) as stream:
        await event(stream, Connected)
        for _ in range(5):
            stream.send_audio(QUIET)
        assert await heard(sizes) == 5 * len(QUIET)
        stream.send_audio(LOUD)
        assert await heard(sizes) == len(LOUD)
        await event(stream, Transcript)
        stream.send_audio(LOUD)
        stream.send_audio(LOUD)
        assert await heard(sizes) == 2 * len(LOUD)


async def test_audio_faster_than_real_time_is_not_poured_out_at_once() -> None:
    sizes: asyncio.Queue[int] = asyncio.Queue()

    async def listen(peer: Peer) -> None:
        while isinstance(message := await peer.hear(), bytes):
            sizes.put_nowait(len(message))

    async with scripted(listen) as server, HearStream(server.endpoint) as stream:
        await event(stream, Connected)
        began = asyncio.get_running_loop().time()
        for _ in range(100):
            stream.send_audio(LOUD)
        arrived = 0
        while arrived < 100 * len(LOUD):
            arrived += await heard(sizes)
        assert asyncio.get_running_loop().time() - began > 0.1  # two seconds of audio, at most eight times as fast
