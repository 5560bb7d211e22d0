"""LiveKit's own OpenAI Realtime model in conversation with the local server: only its address and its key are ours."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from livekit.agents import Agent, function_tool
from livekit.plugins import openai

from pyai_voice.server.brain.scripted import call as tool_call
from tests.livekit.headless import Call, call
from tests.server.conftest import Local
from tests.server.openai_realtime import brain_of, realtime_server

LONG = "Once upon a time there was a very long story without an end"


class Model(openai.realtime.RealtimeModel):
    """Theirs; it counts what is sent."""

    sent = 0.0
    """Seconds of sound."""

    def session(self, *, turn_detection_disabled: bool = False) -> openai.realtime.RealtimeSession:
        session = super().session(turn_detection_disabled=turn_detection_disabled)
        self.more = asyncio.Event()
        self.opened_anew = asyncio.Event()
        session.on("openai_client_event_queued", self._note)
        session.on("session_reconnected", lambda _: self.opened_anew.set())
        return session

    def _note(self, event: dict[str, Any]) -> None:
        if event["type"] == "input_audio_buffer.append":
            self.sent += len(base64.b64decode(event["audio"])) / 48000
            self.more.set()

    async def has_sent(self, seconds: float) -> None:
        async with asyncio.timeout(15):
            while self.sent < seconds:
                self.more.clear()
                await self.more.wait()


@dataclass
class Bot:
    call: Call
    model: Model
    local: Local
    errors: list[Any]

    @property
    def session(self) -> Any:
        return self.call.session

    def speak(self, seconds: float) -> None:
        self.call.microphone.speak(seconds, rate=24000)

    def pause(self, seconds: float) -> None:
        self.call.microphone.speak(seconds, rate=24000, value=0)


@asynccontextmanager
async def bot(*lines: Any, agent: Agent | None = None, **options: Any) -> AsyncIterator[Bot]:
    """Run an agent."""
    async with realtime_server(*lines) as local, aiohttp.ClientSession() as http:
        model = Model(
            base_url=f"{local.server.base_url}/v1", api_key=local.server.api_key, http_session=http, **options
        )
        agent = agent or Agent(instructions="You sell tea.")
        errors: list[Any] = []
        async with call(agent, llm=model) as running:
            running.session.on("error", errors.append)
            yield Bot(running, model, local, errors)
        await model.aclose()
        assert errors == []


async def test_the_agent_speaks_first() -> None:
    async with bot("Good morning") as run:
        run.session.generate_reply(instructions="Greet the caller.")
        reply = await run.call.reply()
        assert reply.text_content == "Good morning"
        assert (len(run.call.loudspeaker.pcm), run.call.loudspeaker.rates) == (2 * 24000 * 11 // 10, {24000})
        (prompt,) = brain_of(run.local).prompts
        assert prompt.persona == "You sell tea.\nGreet the caller."


async def test_the_agent_hears_and_answers() -> None:
    async with bot("You said it", "And again") as run:
        for number, answer in ((0, "You said it"), (1, "And again")):
            run.speak(1.0)
            run.pause(2.0)
            assert (await run.call.user()).text_content == "w1 w2 w3 w4 w5."
            assert (await run.call.reply()).text_content == answer
            prompt = brain_of(run.local).prompts[number]
            assert prompt.persona == "You sell tea." and prompt.messages[-1].text == "w1 w2 w3 w4 w5."
        assert [message.role for message in prompt.messages] == ["user", "assistant", "user"]


async def test_the_agent_calls_a_function_and_says_what_it_gave() -> None:
    class Forecaster(Agent):
        @function_tool
        async def weather(self, city: str) -> str:
            """Tell the weather."""
            return f"rain in {city}"

    lines = (tool_call("weather", city="Köln"),), "It rains"
    async with bot(*lines, agent=Forecaster(instructions="You know the weather.")) as run:
        run.speak(1.0)
        run.pause(2.0)
        assert (await run.call.reply()).text_content == "It rains"
        first, second = brain_of(run.local).prompts
        assert [tool.name for tool in first.tools] == ["weather"]
        assert [message.role for message in second.messages] == ["user", "assistant", "tool"]
        assert "rain in Köln" in second.messages[2].text


async def test_the_caller_interrupts_the_agent() -> None:
    async with bot(LONG, "Yes") as run:
        run.call.loudspeaker.slow = True
        run.session.generate_reply()
        async with asyncio.timeout(15):
            await run.call.loudspeaker.playing.wait()
        run.speak(1.0)
        interrupted = await run.call.reply()
        assert interrupted.interrupted
        run.call.loudspeaker.slow = False
        run.pause(2.0)
        assert (await run.call.user()).text_content == "w1 w2 w3 w4 w5."
        assert (await run.call.reply()).text_content == "Yes"
        _, second = brain_of(run.local).prompts
        told = [message.text for message in second.messages if message.role == "assistant"]
        assert all(LONG.startswith(text) and len(text) < len(LONG) / 2 for text in told)


async def test_the_agent_writes_where_it_is_not_to_speak() -> None:
    async with bot("Good morning", modalities=["text"]) as run:
        run.session.generate_reply(user_input="hello")
        assert (await run.call.reply()).text_content == "Good morning"
        assert run.call.loudspeaker.pcm == b""
        (prompt,) = brain_of(run.local).prompts
        assert prompt.messages[-1].text == "hello"


async def test_the_turns_of_the_agent_are_its_own() -> None:
    async with bot("You said it", turn_detection=None) as run:
        run.speak(0.4)
        run.pause(2.0)
        run.speak(0.4)
        await run.model.has_sent(2.8)
        run.session.commit_user_turn()
        assert (await run.call.reply()).text_content == "You said it"
        assert brain_of(run.local).prompts[0].messages[-1].text == "w1 w2 w3 w4."


async def test_a_session_that_livekit_opens_anew_knows_what_was_said() -> None:
    class Forecaster(Agent):
        @function_tool
        async def weather(self) -> str:
            """Tell the weather."""
            return "rain"

    lines = (tool_call("weather"),), "It rains", "As I said"
    async with bot(*lines, agent=Forecaster(instructions="You sell tea."), max_session_duration=2.0) as run:
        run.speak(1.0)
        run.pause(2.0)
        assert (await run.call.reply()).text_content == "It rains"
        async with asyncio.timeout(15):
            await run.model.opened_anew.wait()
        run.speak(1.0)
        run.pause(2.0)
        assert (await run.call.reply()).text_content == "As I said"
        prompt = brain_of(run.local).prompts[-1]
        assert [(message.role, message.text) for message in prompt.messages if message.role != "tool"] == [
            ("user", "w1 w2 w3 w4 w5."),
            ("assistant", ""),
            ("assistant", "It rains"),
            ("user", "w1 w2 w3 w4 w5."),
        ]
        assert [message.text for message in prompt.messages if message.role == "tool"] == ["rain"]
