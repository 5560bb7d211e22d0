"""What the tests of Hear over real sockets share: audio, readers of the events, and scripts of the server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pyai_voice.errors import PyAIError
from pyai_voice.events import HearEvent, Transcript
from pyai_voice.hear import HearStream
from tests.core.scripted import Peer

SPEECH = bytes(range(256)) * 250
"""Two seconds of loud audio at 16 kHz, no two messages of it alike in place."""
FRAME = 640


def speak(stream: HearStream, pcm: bytes = SPEECH) -> None:
    for at in range(0, len(pcm), FRAME):
        stream.send_audio(pcm[at : at + FRAME])


async def collect(stream: HearStream) -> tuple[list[HearEvent], PyAIError | None]:
    """Read to the end; return the events and the error that ended them."""
    events: list[HearEvent] = []
    async with asyncio.timeout(30):
        try:
            async for event in stream:
                events.append(event)
        except PyAIError as error:
            return events, error
    return events, None


async def until(stream: HearStream, kind: type[HearEvent]) -> HearEvent:
    """Read until an event of this kind comes."""
    async with asyncio.timeout(30):
        async for event in stream:
            if isinstance(event, kind):
                return event
    raise AssertionError(f"no {kind.__name__} came")


def finals(events: list[HearEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, Transcript) and event.final]


def count(events: list[HearEvent], kind: type[HearEvent]) -> int:
    return sum(isinstance(event, kind) for event in events)


def then(*steps: Callable[[Peer], Awaitable[None]]) -> Callable[[Peer], Awaitable[None]]:
    async def script(peer: Peer) -> None:
        for step in steps:
            await step(peer)

    return script


def after(size: int, act: Callable[[Peer], object]) -> Callable[[Peer], Awaitable[None]]:
    """Act once so many bytes came on this connection and one partial was said."""

    async def script(peer: Peer) -> None:
        await peer.hear_audio(size)
        await peer.say(type="partial", text="half a", utterance_id="u", t_ms=500)
        result = act(peer)
        if isinstance(result, Awaitable):
            await result

    return script
