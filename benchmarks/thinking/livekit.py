"""A LiveKit AgentSession without a room: microphone, Hear, and a language model that notes when it is asked."""

from __future__ import annotations

import asyncio
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession, ConversationItemAddedEvent, llm
from livekit.agents.voice import io
from livekit.plugins import pyai

from .notes import FORMAT, Notes, microphone

__all__ = ["listen"]

_PATIENCE = 20.0


class Ears(io.AudioInput):
    """Plays the recording."""

    def __init__(self, path: str, notes: Notes) -> None:
        super().__init__(label="bench")
        self.played = asyncio.Event()
        self._chunks = microphone(path, notes)

    async def __anext__(self) -> rtc.AudioFrame:
        """Return the next 20 ms."""
        async for chunk in self._chunks:
            return rtc.AudioFrame(chunk, FORMAT.rate, 1, len(chunk) // 2)
        self.played.set()
        await asyncio.Event().wait()
        raise StopAsyncIteration


class Thinker(llm.LLM):
    """Notes when it is asked, and answers with one word."""

    def __init__(self, notes: Notes) -> None:
        super().__init__()
        self._notes = notes

    def chat(self, *, chat_ctx: llm.ChatContext, tools: Any = None, conn_options: Any, **_: Any) -> llm.LLMStream:
        """Note."""
        self._notes.think()
        return _Word(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _Word(llm.LLMStream):
    async def _run(self) -> None:
        self._event_ch.send_nowait(llm.ChatChunk(id="1", delta=llm.ChoiceDelta(role="assistant", content="Well.")))


async def listen(base_url: str, api_key: str, owner: str, path: str) -> dict[str, Any]:
    """Play a recording to an agent whose turns end by ``owner``: framework, cue, or eager (Cue with predictions)."""
    notes = Notes()
    ears = Ears(path, notes)
    stt = pyai.STT(api_key=api_key, base_url=base_url, eager=owner == "eager")
    # what LiveKit does by itself: its voice detector finds pauses, its turn detector judges them
    turns = {} if owner == "framework" else {"turn_handling": pyai.turn_handling()}
    session = AgentSession(stt=stt, llm=Thinker(notes), **turns)

    @session.on("conversation_item_added")
    def added(event: ConversationItemAddedEvent) -> None:
        if isinstance(event.item, llm.ChatMessage) and event.item.role == "user":
            notes.end(event.item.text_content or "")

    session.input.audio = ears
    await session.start(Agent(instructions="Answer with one word."), record=False)
    await asyncio.wait_for(ears.played.wait(), 60 + _PATIENCE)
    await asyncio.wait_for(session.aclose(), _PATIENCE)
    await stt.aclose()
    return notes.report()
