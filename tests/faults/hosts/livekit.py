"""A real LiveKit AgentSession with PyAI's plugin; knows LiveKit and ``livekit.plugins.pyai`` only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from livekit import rtc
from livekit.agents import (
    Agent,
    AgentSession,
    APIError,
    CloseEvent,
    ErrorEvent,
    UserInputTranscribedEvent,
    UserStateChangedEvent,
)
from livekit.agents.voice import io
from livekit.plugins import pyai

from .facts import END, ERROR, FINAL, START, Facts

__all__ = ["LiveKitBot", "livekit_bot"]

CLOSED = "closed"


class _Input(io.AudioInput):
    def __init__(self) -> None:
        super().__init__(label="caller")
        self.frames: asyncio.Queue[rtc.AudioFrame] = asyncio.Queue()

    async def __anext__(self) -> rtc.AudioFrame:
        return await self.frames.get()


class _Output(io.AudioOutput):
    """Plays at once."""

    def __init__(self, facts: Facts) -> None:
        super().__init__(label="bot", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=24000)
        self._facts = facts
        self._position = 0.0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        self._position += frame.duration
        self._facts.hear(bytes(frame.data))

    def flush(self) -> None:
        super().flush()
        self._finish(interrupted=False)

    def clear_buffer(self) -> None:
        self._finish(interrupted=True)

    def _finish(self, *, interrupted: bool) -> None:
        position, self._position = self._position, 0.0
        if position:
            self.on_playback_finished(playback_position=position, interrupted=interrupted)


class LiveKitBot:
    def __init__(self, session: AgentSession) -> None:
        self.facts = Facts()
        self.session = session
        self._input = _Input()
        session.input.audio = self._input
        session.output.audio = _Output(self.facts)
        session.on("user_input_transcribed", self._transcribed)
        session.on("user_state_changed", self._turned)
        session.on("error", self._failed)
        session.on("close", self._closed)

    async def hear(self, frame: bytes) -> None:
        self._input.frames.put_nowait(rtc.AudioFrame(frame, 16000, 1, len(frame) // 2))

    async def interrupt(self) -> None:
        await self.session.interrupt()

    async def commit(self) -> None:
        self.session.commit_user_turn()

    async def say(self, text: str) -> None:
        async with asyncio.timeout(20):
            await self.session.say(text)

    def _transcribed(self, event: UserInputTranscribedEvent) -> None:
        if event.is_final:
            self.facts.note(FINAL, event.transcript)

    def _turned(self, event: UserStateChangedEvent) -> None:
        if event.new_state == "speaking":
            self.facts.note(START)
        elif event.old_state == "speaking":
            self.facts.note(END)

    def _failed(self, event: ErrorEvent) -> None:
        if not getattr(event.error, "recoverable", False):
            error = getattr(event.error, "error", event.error)
            self.facts.note(ERROR, error if isinstance(error, APIError) else event.error)

    def _closed(self, event: CloseEvent) -> None:
        self.facts.note(CLOSED, event.reason.value)


@asynccontextmanager
async def livekit_bot(
    base_url: str, api_key: str, *, commits: bool = False, language: str = "", voice: str = "stock_ramp"
) -> AsyncIterator[LiveKitBot]:
    """Run a session; ``commits``: the application ends turns, else PyAI does."""
    async with aiohttp.ClientSession() as http_session:
        stt = pyai.STT(api_key=api_key, base_url=base_url, language=language, http_session=http_session)
        tts = pyai.TTS(api_key=api_key, base_url=base_url, voice=voice, http_session=http_session)
        session = AgentSession(
            stt=stt,
            tts=tts,
            vad=None,
            turn_handling={
                "turn_detection": "manual" if commits else "stt",
                "endpointing": {"min_delay": 0.0, "max_delay": 1.0},
            },
        )
        bot = LiveKitBot(session)
        await session.start(Agent(instructions="none"), record=False)
        try:
            yield bot
        finally:
            await session.aclose()
            await stt.aclose()
            await tts.aclose()
