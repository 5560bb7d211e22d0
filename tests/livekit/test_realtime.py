"""A speech-to-speech model gets the passages in its own conversation: one message, of this turn only."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit.agents import llm
from livekit.plugins import pyai

from pyai_voice.errors import ConfigurationError
from pyai_voice.events import Grounding, Passage

HOURS, SUNDAY = Passage("We open at nine.", 0.9), Passage("On Sunday at ten.", 0.9)
FLAGS = {
    "message_truncation": False,
    "turn_detection": True,
    "user_transcription": True,
    "auto_tool_reply_generation": True,
    "audio_output": True,
    "manual_function_calls": False,
}


class Model(llm.RealtimeModel):
    def __init__(self, *, mutable: bool = True) -> None:
        super().__init__(capabilities=llm.RealtimeCapabilities(**FLAGS, mutable_chat_context=mutable))

    def session(self, *, turn_detection_disabled: bool = False) -> Session:
        return Session(self)

    async def aclose(self) -> None: ...


class Session(llm.RealtimeSession):
    """Keeps its conversation; ``gate`` holds an update back, ``refuses`` lets one fail."""

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._chat = llm.ChatContext.empty()
        self._chat.add_message(role="user", content="Hello.")
        self.updates: asyncio.Queue[list[str]] = asyncio.Queue()
        self.gate = asyncio.Event()
        self.gate.set()
        self.refuses = False

    @property
    def chat_ctx(self) -> llm.ChatContext:
        return self._chat.copy()

    @property
    def tools(self) -> llm.ToolContext:
        return llm.ToolContext.empty()

    async def update_chat_ctx(self, chat_ctx: llm.ChatContext) -> None:
        await self.gate.wait()
        if self.refuses:
            self.updates.put_nowait(["refused"])
            raise llm.RealtimeError("timed out")
        self._chat = chat_ctx.copy()
        self.updates.put_nowait([message.text_content or "" for message in chat_ctx.messages()])

    async def update_instructions(self, instructions: str) -> None: ...
    async def update_tools(self, tools: list[llm.Tool]) -> None: ...
    async def aclose(self) -> None: ...
    def update_options(self, **_: Any) -> None: ...
    def push_audio(self, frame: Any) -> None: ...
    def push_video(self, frame: Any) -> None: ...
    def commit_audio(self) -> None: ...
    def clear_audio(self) -> None: ...
    def interrupt(self) -> None: ...
    def truncate(self, **_: Any) -> None: ...
    def generate_reply(self, **_: Any) -> Any: ...


class Scene:
    def __init__(self) -> None:
        self.stt = pyai.STT(api_key="pyai_test", base_url="http://127.0.0.1:9")
        self.session = Model().session()
        style = pyai.GroundingStyle(template="{passages}")
        self.grounding = pyai.RealtimeGrounding(self.session, self.stt, style=style)

    def find(self, *passages: Passage) -> None:
        self.stt.emit("grounding", Grounding(passages, "u1"))

    async def update(self) -> list[str]:
        async with asyncio.timeout(10):
            return await self.session.updates.get()

    async def __aenter__(self) -> Scene:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.grounding.aclose()
        await self.grounding.aclose()
        await self.stt.aclose()


async def test_passages_come_are_replaced_and_go_when_the_next_turn_begins():
    async with Scene() as scene:
        scene.find(HOURS)
        assert await scene.update() == ["Hello.", "[1] We open at nine."]
        scene.find(SUNDAY)
        assert await scene.update() == ["Hello.", "[1] On Sunday at ten."]
        scene.session.emit("input_speech_started", llm.InputSpeechStartedEvent())
        assert await scene.update() == ["Hello."]
        scene.find()  # the knowledge base has nothing: nothing to change
        scene.find(HOURS)
        assert await scene.update() == ["Hello.", "[1] We open at nine."]
        assert scene.session.updates.empty()


async def test_only_the_newest_passages_wait_for_a_slow_model():
    async with Scene() as scene:
        scene.session.gate.clear()
        scene.find(HOURS)
        await asyncio.sleep(0)
        scene.find(HOURS, SUNDAY)
        scene.find(SUNDAY)
        scene.session.gate.set()
        updates = [await scene.update()]
        if "Sunday" not in str(updates):
            updates.append(await scene.update())
        assert updates[-1] == ["Hello.", "[1] On Sunday at ten."] and len(updates) <= 2


async def test_a_model_that_refuses_once_gets_the_next_passages():
    async with Scene() as scene:
        scene.session.refuses = True
        scene.find(HOURS)
        assert await scene.update() == ["refused"]
        scene.session.refuses = False
        scene.find(SUNDAY)
        assert await scene.update() == ["Hello.", "[1] On Sunday at ten."]


async def test_after_closing_nothing_more_is_placed():
    async with Scene() as scene:
        await scene.grounding.aclose()
        scene.find(HOURS)
        scene.session.emit("input_speech_started", llm.InputSpeechStartedEvent())
        await asyncio.sleep(0)
        assert scene.session.updates.empty()


async def test_a_model_whose_conversation_is_fixed_is_told_apart():
    async with pyai.STT(api_key="pyai_test", base_url="http://127.0.0.1:9") as stt:
        with pytest.raises(ConfigurationError, match="cannot be changed"):
            pyai.RealtimeGrounding(Model(mutable=False).session(), stt)
