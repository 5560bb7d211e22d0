"""Audio, event lists and small things that the LiveKit tests share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from livekit import rtc
from livekit.agents.stt import RecognizeStream, SpeechEvent, SpeechEventType

from livekit_pyai import STT
from tests.core.scripted import KEY, Peer, Server, stay

INTERIM = SpeechEventType.INTERIM_TRANSCRIPT
PREFLIGHT = SpeechEventType.PREFLIGHT_TRANSCRIPT
FINAL = SpeechEventType.FINAL_TRANSCRIPT
START = SpeechEventType.START_OF_SPEECH
END = SpeechEventType.END_OF_SPEECH
USAGE = SpeechEventType.RECOGNITION_USAGE

SECOND = 32_000
"""Bytes of a second at 16 kHz."""


class Arrivals:
    """A script that reads for ever, and tells of each connection."""

    def __init__(self) -> None:
        self._peers: asyncio.Queue[Peer] = asyncio.Queue()

    async def stay(self, peer: Peer) -> None:
        self._peers.put_nowait(peer)
        await stay(peer)

    async def next(self) -> Peer:
        async with asyncio.timeout(20):
            return await self._peers.get()


def hear(server: Server, **options: object) -> STT:
    """An STT that talks to the scripted server."""
    return STT(api_key=KEY, base_url=server.endpoint.base_url, **options)  # type: ignore[arg-type]


def frames(seconds: float, rate: int = 16000, channels: int = 1, value: int = 1000) -> Iterator[rtc.AudioFrame]:
    """Frames of 20 ms."""
    samples = rate // 50
    pcm = value.to_bytes(2, "little", signed=True) * (samples * channels)
    for _ in range(round(seconds * 50)):
        yield rtc.AudioFrame(pcm, rate, channels, samples)


def push(stream: RecognizeStream, seconds: float, **kind: int) -> None:
    for frame in frames(seconds, **kind):
        stream.push_frame(frame)


async def until(stream: RecognizeStream, wanted: Callable[[SpeechEvent], bool]) -> list[SpeechEvent]:
    """Read events up to and with the first that is wanted."""
    events: list[SpeechEvent] = []
    async with asyncio.timeout(20):
        async for event in stream:
            events.append(event)
            if wanted(event):
                return events
    raise AssertionError(f"the stream ended after {kinds(events)}")


async def rest(stream: RecognizeStream) -> list[SpeechEvent]:
    """Read to the end."""
    async with asyncio.timeout(20):
        return [event async for event in stream]


def kinds(events: list[SpeechEvent]) -> list[SpeechEventType]:
    """What came, without usage."""
    return [event.type for event in events if event.type is not USAGE]


def texts(events: list[SpeechEvent], kind: SpeechEventType = FINAL) -> list[str]:
    return [event.alternatives[0].text for event in events if event.type is kind]


def is_end(event: SpeechEvent) -> bool:
    return event.type is END


def is_final(event: SpeechEvent) -> bool:
    return event.type is FINAL


def all_of(error: BaseException | None) -> str:
    """Everything that can be read of an error: itself, its fields, and what caused it."""
    seen: list[str] = []
    while error is not None:
        seen += [str(error), repr(error), repr(vars(error))]
        error = error.__cause__ or error.__context__
    return "\n".join(seen)
