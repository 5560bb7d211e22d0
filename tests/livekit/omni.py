"""What the Omni tests of LiveKit share: a model of the scripted service, and a loudspeaker that takes its time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession, ChatContext
from livekit.agents.voice import io
from livekit.plugins import pyai

from tests.core.omni_service import Peer, Script, Service, omni_service
from tests.core.scripted import KEY

from .headless import Call, call

TONE = b"\x07\x00"
"""One sample of the agent's audio."""


def tone(seconds: float, rate: int = 24000, sample: bytes = TONE) -> bytes:
    return sample * round(seconds * rate)


def model(service: Service, **settings: Any) -> pyai.RealtimeModel:
    return pyai.RealtimeModel(api_key=KEY, base_url=service.endpoint.base_url, **settings)


class SlowSpeaker(io.AudioOutput):
    """Plays in real time with 0.1 s of buffer, as a room does."""

    def __init__(self, pace: float = 1.0) -> None:
        super().__init__(label="slow", capabilities=io.AudioOutputCapabilities(pause=False))
        self.pcm = bytearray()
        """What was taken; what was cleared is removed again."""
        self.playing = asyncio.Event()
        self.done = asyncio.Event()
        self.cleared_at = 0.0
        self._pace = pace
        self._pushed = 0.0
        self._began = 0.0
        self._base = 0
        self._ending: asyncio.Task[None] | None = None

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if not self._pushed:
            self._began, self._base = time.monotonic(), len(self.pcm)
            self.on_playback_started(created_at=time.time())
            self.playing.set()
        self.pcm += frame.data.tobytes()
        self._pushed += frame.duration
        await asyncio.sleep(max(0.0, self._pushed - self.position() - 0.1) * self._pace)

    def position(self) -> float:
        return min(self._pushed, (time.monotonic() - self._began) / self._pace)

    def flush(self) -> None:
        super().flush()
        if self._pushed and self._ending is None:
            self._ending = asyncio.create_task(self._finish())

    def clear_buffer(self) -> None:
        self._over(interrupted=True)

    async def _finish(self) -> None:
        await asyncio.sleep(max(0.0, self._pushed - self.position()) * self._pace)
        self._ending = None
        self._over(interrupted=False)

    def _over(self, *, interrupted: bool) -> None:
        if not self._pushed:
            return
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        position, self._pushed = self.position() if interrupted else self._pushed, 0.0
        self.cleared_at = time.monotonic()
        del self.pcm[self._base + round(position * 24000) * 2 :]
        self.done.set()
        self.on_playback_finished(playback_position=position, interrupted=interrupted)


@asynccontextmanager
async def conversation(
    script: Script, agent: Agent | None = None, *more: Script, slow: bool = False, **settings: Any
) -> AsyncIterator[tuple[Call, Service, pyai.RealtimeModel]]:
    """Run an AgentSession whose model talks to the scripted service."""
    async with omni_service(script, *more) as service:
        omni = model(service, **settings)
        speaker = SlowSpeaker() if slow else None
        async with call(agent, llm=omni, output=speaker) as running:
            yield running, service, omni
        await omni.aclose()


async def hears(peer: Peer, seconds: float) -> None:
    """Listen until so much more audio of the caller has come."""
    rate = peer.machine.request.rate
    wanted = len(peer.audio) + round(seconds * rate) * 2
    await peer.until(lambda: len(peer.audio) >= wanted)


def told(chat: ChatContext) -> list[tuple[str, str]]:
    """Return who said what, and what the tools did, in order."""
    items: list[tuple[str, str]] = []
    for item in chat.items:
        if item.type == "message":
            items.append((item.role, item.text_content or ""))
        elif item.type == "function_call":
            items.append(("call", item.name))
        elif item.type == "function_call_output":
            items.append(("result", item.output))
    return items


async def wait_for(condition: Callable[[], object], within: float = 15.0) -> None:
    """Wait until something is true of which nothing tells."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.01)


async def collected(session: AgentSession, *names: str) -> list[tuple[str, Any]]:
    """Return what the session tells from now on."""
    seen: list[tuple[str, Any]] = []

    def note(name: str) -> Callable[[Any], None]:
        return lambda event: seen.append((name, event))

    for name in names:
        session.on(name, note(name))
    return seen


async def greet(peer: Peer) -> None:
    await peer.configured()
    peer.machine.audio(tone(0.1))
    peer.machine.agent_said("Hello.")
    await peer.stay()
