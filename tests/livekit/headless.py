"""A LiveKit AgentSession without a room: a microphone and a loudspeaker in memory, and a brain that echoes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from livekit import rtc
from livekit.agents import NOT_GIVEN, Agent, AgentSession, ChatMessage, CloseEvent, llm
from livekit.agents.llm import ChatChunk, ChoiceDelta
from livekit.agents.voice import io

from .helpers import frames


class Microphone(io.AudioInput):
    """Gives the frames that were put into it, as fast as they are taken."""

    def __init__(self) -> None:
        super().__init__(label="microphone")
        self._frames: asyncio.Queue[rtc.AudioFrame] = asyncio.Queue()

    def speak(self, seconds: float, **kind: int) -> None:
        for frame in frames(seconds, **kind):
            self.play(frame)

    def play(self, frame: rtc.AudioFrame) -> None:
        self._frames.put_nowait(frame)

    async def __anext__(self) -> rtc.AudioFrame:
        return await self._frames.get()


class Loudspeaker(io.AudioOutput):
    """Keeps what it is given, and says at once that it was played; with ``slow`` only after :meth:`finish`."""

    def __init__(self) -> None:
        super().__init__(label="loudspeaker", capabilities=io.AudioOutputCapabilities(pause=False))
        self.slow = False
        self.pcm = bytearray()
        self.rates: set[int] = set()
        self.playing = asyncio.Event()
        self.played = asyncio.Event()
        self._seconds = 0.0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if not self._seconds:
            self.on_playback_started(created_at=time.time())
            self.playing.set()
        self.pcm += frame.data.tobytes()
        self.rates.add(frame.sample_rate)
        self._seconds += frame.duration

    def flush(self) -> None:
        super().flush()
        if not self.slow:
            self.finish()

    def clear_buffer(self) -> None:
        self.finish(interrupted=True)

    def finish(self, *, interrupted: bool = False) -> None:
        if self._seconds:
            position, self._seconds = self._seconds, 0.0
            self.on_playback_finished(playback_position=position, interrupted=interrupted)
            self.played.set()


class Echo(llm.LLM):
    """Says back what the user said; ``asked`` has every text it was called with, ``chats`` every whole chat.

    With ``tool`` it calls that tool first, once for each text of the user.
    """

    def __init__(self, tool: str = "") -> None:
        super().__init__()
        self.asked: asyncio.Queue[str] = asyncio.Queue()
        self.chats: list[list[tuple[str, str]]] = []
        self.tool = tool

    def chat(self, *, chat_ctx: llm.ChatContext, tools=None, conn_options=None, **_: Any) -> llm.LLMStream:
        self.chats.append([(message.role, message.text_content or "") for message in chat_ctx.messages()])
        return _EchoStream(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _EchoStream(llm.LLMStream):
    async def _run(self) -> None:
        assert isinstance(self._llm, Echo)
        said = next((m.text_content or "" for m in reversed(self._chat_ctx.messages()) if m.role == "user"), "")
        self._llm.asked.put_nowait(said)
        self._event_ch.send_nowait(ChatChunk(id="echo", delta=self._answer(said, self._llm.tool)))

    def _answer(self, said: str, tool: str) -> ChoiceDelta:
        if tool and self._chat_ctx.items[-1].type == "message":
            call = llm.FunctionToolCall(name=tool, arguments="{}", call_id="call_1")
            return ChoiceDelta(role="assistant", tool_calls=[call])
        return ChoiceDelta(role="assistant", content=f"You said: {said} Anything else?")


class Call:
    """A running session and everything that comes out of it."""

    def __init__(self, session: AgentSession, output: io.AudioOutput | None = None) -> None:
        self.session = session
        self.microphone = Microphone()
        self.loudspeaker = Loudspeaker()
        self.output = output or self.loudspeaker
        self.closed: asyncio.Future[CloseEvent] = asyncio.get_running_loop().create_future()
        self._said: dict[str, asyncio.Queue[ChatMessage]] = {"user": asyncio.Queue(), "assistant": asyncio.Queue()}
        session.input.audio = self.microphone
        if session.tts is not None or isinstance(session.llm, llm.RealtimeModel):
            session.output.audio = self.output
        session.on("conversation_item_added", self._item)
        session.on("close", self._close)

    async def user(self, within: float = 15.0) -> ChatMessage:
        """Return the next thing that the session takes for said by the user."""
        async with asyncio.timeout(within):
            return await self._said["user"].get()

    async def reply(self, within: float = 15.0) -> ChatMessage:
        """Return the next thing that the agent has said."""
        async with asyncio.timeout(within):
            return await self._said["assistant"].get()

    def nothing_more(self) -> bool:
        return self._said["user"].empty()

    def _item(self, event: Any) -> None:
        if isinstance(event.item, ChatMessage) and event.item.role in self._said:
            self._said[event.item.role].put_nowait(event.item)

    def _close(self, event: CloseEvent) -> None:
        if not self.closed.done():
            self.closed.set_result(event)


@asynccontextmanager
async def call(
    agent: Agent | None = None, *, output: io.AudioOutput | None = None, **options: Any
) -> AsyncIterator[Call]:
    """Run an AgentSession for as long as the context lasts; ``output`` takes the place of the loudspeaker."""
    options = {"llm": Echo(), "tts": NOT_GIVEN, "vad": None, "aec_warmup_duration": None, **options}
    async with calling(AgentSession(**options), agent, output) as running:
        yield running


@asynccontextmanager
async def calling(
    session: AgentSession, agent: Agent | None = None, output: io.AudioOutput | None = None
) -> AsyncIterator[Call]:
    """The same for a session that somebody else has made."""
    running = Call(session, output)
    await session.start(agent or Agent(instructions="Echo."), record=False)
    try:
        yield running
    finally:
        async with asyncio.timeout(15):
            await session.aclose()
