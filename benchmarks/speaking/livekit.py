"""``livekit.plugins.pyai.TTS`` in an AgentSession: ours or the official one, fed sentence by sentence by LiveKit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp
from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice import io
from livekit.plugins import pyai

from ..load.caller import KEY
from ..speak_server import RATE
from .ear import Ear

__all__ = ["speak"]

_PATIENCE = 30.0


class Mouth(io.AudioOutput):
    """Plays at the speed of sound."""

    def __init__(self, ear: Ear) -> None:
        super().__init__(label="bench", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=RATE)
        self._ear = ear
        self._began = 0.0
        self._finishing: asyncio.Task[None] | None = None

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Take audio."""
        await super().capture_frame(frame)
        if not self._began:
            self._began = time.monotonic()
            self.on_playback_started(created_at=time.time())
        self._ear.play(bytes(frame.data))

    def flush(self) -> None:
        """Mark the end of what is said."""
        super().flush()
        if self._began:
            self._finishing = asyncio.create_task(self._finish())

    def clear_buffer(self) -> None:
        """Nobody interrupts."""

    async def _finish(self) -> None:
        await asyncio.sleep(max(0.0, self._ear.free_at - time.monotonic()))
        self.on_playback_finished(playback_position=self._ear.free_at - self._began, interrupted=False)


async def _words(sentences: tuple[str, ...]) -> AsyncIterator[str]:
    for sentence in sentences:
        yield f"{sentence} "


async def speak(base_url: str, sentences: tuple[str, ...], ear: Ear) -> float:
    """Run a session; let it say the sentences."""
    async with aiohttp.ClientSession() as http:
        tts = pyai.TTS(voice="stock_emma_en_gb", api_key=KEY, base_url=base_url, http_session=http)
        session = AgentSession(tts=tts)
        session.output.audio = Mouth(ear)
        await session.start(Agent(instructions=""), record=False)
        began = time.monotonic()
        session.say(_words(sentences))
        await asyncio.wait_for(ear.done.wait(), _PATIENCE)
        await session.aclose()
        await tts.aclose()
    return began
