"""Audio of a LiveKit AgentSession without a room: input from a :class:`~demo.call.Call`, output to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from livekit import rtc
from livekit.agents import (
    Agent,
    AgentSession,
    AgentStateChangedEvent,
    CloseEvent,
    ConversationItemAddedEvent,
    ErrorEvent,
    FunctionToolsExecutedEvent,
    UserInputTranscribedEvent,
)
from livekit.agents.llm import LLM, ChatMessage, RealtimeModel
from livekit.agents.metrics import LLMMetrics, TTSMetrics
from livekit.agents.stt import STT
from livekit.agents.tts import TTS
from livekit.agents.voice import io
from livekit.plugins import pyai

from pyai_voice.events import Grounding

from ..call import BOT, CALLER, CHUNK, Call

__all__ = ["HeadlessInput", "HeadlessOutput", "call_agent"]

START_TIMEOUT = 20.0
"""Seconds that a session has to start, and to close."""
_BUFFER = 50
"""Chunks that wait to be played; capture_frame waits for room."""


class HeadlessInput(io.AudioInput):
    """The caller's audio, 20 ms at a time, at the speed of speech."""

    def __init__(self, call: Call):
        super().__init__(label="headless")
        self._chunks = call.microphone()

    async def __anext__(self) -> rtc.AudioFrame:
        """Return the next 20 ms."""
        chunk = await anext(self._chunks)
        return rtc.AudioFrame(chunk, CALLER.rate, 1, len(chunk) // 2)


class HeadlessOutput(io.AudioOutput):
    """Plays the bot's audio at the speed of speech; ``run()`` must run meanwhile."""

    def __init__(self, call: Call):
        super().__init__(label="headless", capabilities=io.AudioOutputCapabilities(pause=True), sample_rate=BOT.rate)
        self._call = call
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(_BUFFER)
        self._playing = asyncio.Event()
        self._playing.set()
        self._open = False
        self._unfinished = 0
        self._position = 0.0
        self._free_at = 0.0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Take audio of the segment that is going on; wait while enough is queued."""
        await super().capture_frame(frame)
        if not self._open:
            self._open = True
            self._unfinished += 1
        pcm, size = bytes(frame.data), BOT.size(CHUNK)
        for start in range(0, len(pcm), size):
            await self._room.acquire()
            self._queue.put_nowait(pcm[start : start + size])

    def flush(self) -> None:
        """Mark the end of the segment."""
        super().flush()
        if self._open:
            self._open = False
            self._queue.put_nowait(None)

    def clear_buffer(self) -> None:
        """Stop at once: what was captured so far was interrupted."""
        while not self._queue.empty():
            if self._queue.get_nowait() is not None:
                self._room.release()
        while self._unfinished:
            self._finish(interrupted=True)

    def pause(self) -> None:
        """Hold the audio back: the caller may be interrupting."""
        super().pause()
        self._playing.clear()

    def resume(self) -> None:
        """Go on: it was no interruption."""
        super().resume()
        self._playing.set()

    async def run(self) -> None:
        """Play until cancelled."""
        while True:
            await self._playing.wait()
            chunk = await self._queue.get()
            if chunk is None:
                self._finish(interrupted=False)
            else:
                await self._sound(chunk)

    async def _sound(self, chunk: bytes) -> None:
        self._room.release()
        if not self._position:
            self.on_playback_started(created_at=time.time())
        self._position += BOT.seconds(len(chunk))
        self._free_at = max(self._free_at, time.monotonic()) + BOT.seconds(len(chunk))
        self._call.play(chunk)
        await asyncio.sleep(max(0.0, self._free_at - time.monotonic()))

    def _finish(self, *, interrupted: bool) -> None:
        position, self._position = self._position, 0.0
        self._unfinished -= 1
        self.on_playback_finished(playback_position=position, interrupted=interrupted)


class _Watch:
    """Tells the call what the session understands and does."""

    def __init__(self, call: Call, session: AgentSession):
        self._call = call
        session.on("user_input_transcribed", self._transcribed)
        session.on("agent_state_changed", self._state)
        session.on("conversation_item_added", self._item)
        session.on("error", self._error)
        session.on("close", self._closed)
        session.on("function_tools_executed", self._executed)
        for part in (session.llm, session.tts):
            if isinstance(part, LLM | TTS):
                part.on("metrics_collected", self._measured)
        if isinstance(session.stt, pyai.STT):
            session.stt.on("grounding", self._grounded)

    def _grounded(self, found: Grounding) -> None:
        self._call.grounded(passage.content for passage in found.passages)

    def _transcribed(self, event: UserInputTranscribedEvent) -> None:
        (self._call.final if event.is_final else self._call.partial)(event.transcript)

    def _state(self, event: AgentStateChangedEvent) -> None:
        if event.new_state == "speaking":
            self._call.bot_started()
        elif event.old_state == "speaking":
            self._call.bot_stopped()

    def _item(self, event: ConversationItemAddedEvent) -> None:
        item = event.item
        if isinstance(item, ChatMessage) and item.role == "assistant":
            self._call.replied(item.text_content or "")

    def _executed(self, event: FunctionToolsExecutedEvent) -> None:
        for call, output in event.zipped():
            self._call.tool(call.name, call.arguments, output.output if output else None)

    def _measured(self, metrics: object) -> None:
        if isinstance(metrics, LLMMetrics):
            self._call.asked()
        match metrics:
            case LLMMetrics() if metrics.ttft >= 0 and not metrics.cancelled:
                self._call.word(metrics.timestamp - metrics.duration + metrics.ttft)
            case TTSMetrics() if metrics.ttfb >= 0 and not metrics.cancelled:
                self._call.synthesized(metrics.timestamp - metrics.duration + metrics.ttfb)
            case _:
                pass

    def _error(self, event: ErrorEvent) -> None:
        if not getattr(event.error, "recoverable", False):
            self._call.fail(f"The LiveKit agent reports: {event.error}")

    def _closed(self, event: CloseEvent) -> None:
        self._call.fail(f"The LiveKit session closed: {event.reason.value}")


@asynccontextmanager
async def call_agent(call: Call, session: AgentSession, agent: Agent) -> AsyncGenerator[None]:
    """Run a session with its agent for as long as the context lasts."""
    output = HeadlessOutput(call)
    session.input.audio = HeadlessInput(call)
    session.output.audio = output
    _Watch(call, session)
    player = asyncio.create_task(output.run())
    try:
        await asyncio.wait_for(session.start(agent, record=False), START_TIMEOUT)
        yield
    finally:
        messages = [item for item in session.history.items if isinstance(item, ChatMessage)]
        call.history = [message.text_content or "" for message in messages]
        await asyncio.wait_for(_close(session), START_TIMEOUT)
        player.cancel()


async def _close(session: AgentSession) -> None:
    """Close the session and what it was made of, which in a LiveKit worker ends with the process."""
    await session.aclose()
    for part in (session.stt, session.llm, session.tts):
        if isinstance(part, STT | LLM | TTS | RealtimeModel):
            await part.aclose()
