"""Pipecat's own OpenAI Realtime service in conversation with the local server: only address and key are ours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from pyai_voice.server.brain.scripted import call
from tests.frameworks import frameworks_leave_http_clients_open, import_quietly
from tests.server.conftest import Local
from tests.server.openai_realtime import brain_of, realtime_server

import_quietly("pipecat.services.openai.realtime.llm", "pipecat_pyai")

from pipecat.adapters.llm.schemas.function_schema import FunctionSchema  # noqa: E402 - after the quiet imports
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema  # noqa: E402
from pipecat.frames.frames import (  # noqa: E402
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMRunFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext  # noqa: E402
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair  # noqa: E402
from pipecat.services.llm_service import FunctionCallParams  # noqa: E402
from pipecat.services.openai.realtime import events  # noqa: E402
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService  # noqa: E402

from tests.pipecat.omni import Loudspeaker  # noqa: E402
from tests.pipecat.pipeline import Running, running  # noqa: E402

__all__ = ["frameworks_leave_http_clients_open"]

LONG = "Once upon a time there was a very long story without an end"


@dataclass
class Bot:
    pipeline: Running
    context: LLMContext
    loudspeaker: Loudspeaker
    local: Local

    async def greet(self) -> None:
        """Let the bot speak first, to its end."""
        await self.pipeline.send(LLMRunFrame())
        await self.wrote("user: hello", "assistant: Good morning")
        await self.pipeline.until(BotStoppedSpeakingFrame)

    async def speak(self, seconds: float) -> None:
        await self.pipeline.audio(seconds)

    async def pause(self, seconds: float) -> None:
        await self.pipeline.send(*[InputAudioRawFrame(bytes(640), 16000, 1) for _ in range(round(seconds * 50))])

    async def wrote(self, *said: str) -> None:
        """Wait until the context holds exactly this."""
        try:
            await self.pipeline.when(lambda: self.said == list(said))
        except AssertionError:
            raise AssertionError(f"waited for {list(said)}, the context holds {self.context.messages}") from None

    @property
    def said(self) -> list[str]:
        return [line for message in self.context.messages if (line := _line(message))]


def _line(message: Any) -> str:
    match message:
        case {"tool_calls": [{"function": {"name": name}}]}:
            return f"call: {name}"
        case {"role": role, "content": content}:
            return f"{role}: {content}"
        case _:
            return str(message)


@asynccontextmanager
async def pipecat_bot(
    local: Local,
    *,
    instructions: str = "You sell tea.",
    context: LLMContext | None = None,
    session: events.SessionProperties | None = None,
) -> AsyncIterator[Bot]:
    """Run a bot, as Pipecat's own example of its service does."""
    context = context or LLMContext([{"role": "user", "content": "hello"}])
    user, assistant = LLMContextAggregatorPair(context)
    loudspeaker = Loudspeaker(24000)
    service = OpenAIRealtimeLLMService(
        api_key=local.server.api_key,
        base_url=f"ws{local.server.base_url.removeprefix('http')}/v1/realtime",
        settings=OpenAIRealtimeLLMService.Settings(
            system_instruction=instructions, session_properties=session or heard()
        ),
    )
    async with running(user, service, loudspeaker, assistant) as pipeline:
        yield Bot(pipeline, context, loudspeaker, local)
        assert pipeline.errors == []


@asynccontextmanager
async def bot(*lines: Any, **options: Any) -> AsyncIterator[Bot]:
    """Run a bot with a scripted brain behind it."""
    async with realtime_server(*lines) as local, pipecat_bot(local, **options) as run:
        yield run


def heard(turn_detection: Any = None) -> events.SessionProperties:
    listening = events.AudioInput(transcription=events.InputAudioTranscription(), turn_detection=turn_detection)
    return events.SessionProperties(audio=events.AudioConfiguration(input=listening))


async def test_the_bot_speaks_first() -> None:
    async with bot("Good morning") as run:
        await run.greet()
        assert len(run.loudspeaker.sound) >= 2 * 24000 * 11 // 10  # whole, with some silence
        (prompt,) = brain_of(run.local).prompts
        assert prompt.persona == "You sell tea."
        assert [(message.role, message.text) for message in prompt.messages] == [("user", "hello")]


@pytest.mark.parametrize("detection", [None, events.SemanticTurnDetection(eagerness="high"), events.TurnDetection()])
async def test_the_bot_hears_and_answers(detection: Any) -> None:
    async with bot("Good morning", "You said it", session=heard(detection)) as run:
        await run.greet()
        await run.speak(1.0)
        await run.pause(2.0)
        await run.wrote("user: hello", "assistant: Good morning", "user: w1 w2 w3 w4 w5.", "assistant: You said it")
        assert run.pipeline.all(UserStartedSpeakingFrame)


async def test_the_bot_calls_a_function_and_says_what_it_gave() -> None:
    asked: list[dict[str, Any]] = []

    async def weather(params: FunctionCallParams) -> None:
        asked.append(dict(params.arguments))
        await params.result_callback({"rain": True})

    schema = FunctionSchema("weather", "The weather.", {"city": {"type": "string"}}, ["city"], handler=weather)
    tools = ToolsSchema(standard_tools=[schema])
    context = LLMContext([{"role": "user", "content": "What is the weather?"}], tools=tools)
    async with bot((call("weather", city="Köln"),), "It rains", context=context) as run:
        await run.pipeline.send(LLMRunFrame())
        await run.wrote("user: What is the weather?", "call: weather", 'tool: {"rain": true}', "assistant: It rains")
        assert asked == [{"city": "Köln"}]
        first, second = brain_of(run.local).prompts
        assert first.tools[0].parameters["required"] == ["city"]
        assert [message.role for message in second.messages] == ["user", "assistant", "tool"]
        assert second.messages[2].text == '{"rain": true}'


async def test_the_caller_interrupts_the_bot() -> None:
    async with bot(LONG, "Yes") as run:
        await run.pipeline.send(LLMRunFrame())
        await run.pipeline.until(BotStartedSpeakingFrame)
        await run.speak(1.0)
        await run.pipeline.until(InterruptionFrame)
        await run.pause(2.0)
        await run.pipeline.when(lambda: run.said[-1:] == ["assistant: Yes"], "the second answer")
        _, second = brain_of(run.local).prompts
        assert second.messages[-1].text == "w1 w2 w3 w4 w5."
        told = [message.text for message in second.messages if message.role == "assistant"]
        assert all(LONG.startswith(text) and len(text) < len(LONG) / 2 for text in told)
        assert len(run.loudspeaker.sound) < 2 * 24000 * 4


async def test_the_turns_of_the_bot_are_its_own() -> None:
    async with bot("Good morning", "You said it", session=heard(False)) as run:
        await run.greet()
        await run.speak(0.4)
        await run.pause(2.0)
        await run.speak(0.4)
        await run.pipeline.send(UserStoppedSpeakingFrame())
        await run.pipeline.when(lambda: run.said[-1:] == ["assistant: You said it"], "the answer")
        assert brain_of(run.local).prompts[1].messages[-1].text == "w1 w2 w3 w4."
