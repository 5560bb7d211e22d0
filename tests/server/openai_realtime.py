"""A local server whose ``/v1/realtime`` has a scripted brain, and what a caller sends to it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from pyai_voice.server.brain.scripted import ScriptedBrain, Step
from pyai_voice.server.settings import Settings
from tests.server.conftest import Local, serve
from tests.server.fakes import silence, tone

RATE = 24000


@asynccontextmanager
async def realtime_server(*lines: tuple[Step, ...] | str, settings: Settings | None = None) -> AsyncIterator[Local]:
    """Serve with a brain that says these lines."""
    async with serve(settings, brain=ScriptedBrain(lines)) as local:
        yield local


def brain_of(local: Local) -> ScriptedBrain:
    return local.server.app.state.brain


@asynccontextmanager
async def openai_client(local: Local) -> AsyncIterator[AsyncOpenAI]:
    """Yield OpenAI's own client of this server."""
    async with AsyncOpenAI(
        api_key=local.server.api_key, base_url=f"{local.server.base_url}/v1", max_retries=0
    ) as client:
        yield client


class Session:
    """OpenAI's client in a session; every event that has come is kept."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self.connection = connection
        self.events: list[Any] = []

    @property
    def kinds(self) -> list[str]:
        return [event.type for event in self.events]

    async def until(self, kind: str) -> Any:
        """Return the next event of a type, and fail on an error that is not asked for."""
        async with asyncio.timeout(20):
            while True:
                event = await self.connection.recv()
                self.events.append(event)
                if event.type == kind:
                    return event
                assert event.type != "error", event

    async def configure(self, **session: Any) -> Any:
        await self.connection.session.update(session={"type": "realtime", **session})
        return (await self.until("session.updated")).session

    async def add(self, text: str) -> str:
        """Add what the user wrote; return the id of the item."""
        content: Any = [{"type": "input_text", "text": text}]
        await self.connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
        return (await self.until("conversation.item.done")).item.id

    async def speak(self, *sounds: bytes) -> None:
        """Send the caller's sound, pcm16 at 24 kHz, in pieces of 0.1 s, without waiting."""
        pcm = b"".join(sounds)
        for start in range(0, len(pcm), 4800):
            await self.connection.input_audio_buffer.append(audio=base64.b64encode(pcm[start : start + 4800]).decode())

    def heard(self) -> bytes:
        """Return all sound that has come."""
        deltas = [event.delta for event in self.events if event.type == "response.output_audio.delta"]
        return b"".join(map(base64.b64decode, deltas))

    def transcript(self) -> str:
        return "".join(event.delta for event in self.events if event.type == "response.output_audio_transcript.delta")

    async def refused(self, **event: Any) -> Any:
        """Send something that is refused; return the error."""
        await self.connection.send({"event_id": "mine", **event})  # pyright: ignore[reportArgumentType] - it may be wrong
        async with asyncio.timeout(20):
            event = await self.connection.recv()
        assert event.type == "error" and event.error.event_id == "mine", event
        return event.error


@asynccontextmanager
async def session_with(local: Local, **options: Any) -> AsyncIterator[Session]:
    """Open a session with OpenAI's client."""
    options.setdefault("model", "gpt-realtime")
    async with openai_client(local) as client, client.realtime.connect(**options) as connection:
        session = Session(connection)
        await session.until("session.created")
        yield session


def speech(seconds: float) -> bytes:
    return tone(seconds, RATE)


def pause(seconds: float) -> bytes:
    return silence(seconds, RATE)
