"""The headless sides with the real frameworks: a call is a conversation, in real time, with every moment noted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from livekit.agents import Agent, AgentSession
from livekit.plugins import openai as livekit_openai
from pipecat.frames.frames import TTSSpeakFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.transports.base_transport import BaseTransport

from demo.call import BOT, CALLER, Call, CallError, Exchange, Line
from demo.headless.livekit import call_agent
from demo.headless.pipecat import call_bot

from .fakes import SPEECH, LiveKitEar, LiveKitMouth, PipecatEar, PipecatMouth

HEARD = "A large latte, please."
REPLY = "A large latte. Is that right?"
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # of Pipecat's OpenAI service
LOUD = Line(b"\x00\x20" * int(CALLER.rate * 0.4) + bytes(CALLER.size(0.1)), 0.0, 0.4)


def pipecat_bot(transport: BaseTransport) -> PipelineWorker:
    user, assistant = LLMContextAggregatorPair(LLMContext())
    brain = OpenAILLMService(settings=OpenAILLMService.Settings(model="m"))
    ear, mouth = PipecatEar(HEARD), PipecatMouth()
    worker = PipelineWorker(
        Pipeline([transport.input(), ear, user, brain, mouth, transport.output(), assistant]), enable_rtvi=False
    )

    @transport.event_handler("on_client_connected")
    async def greet(_transport: BaseTransport, _client: object) -> None:
        await worker.queue_frame(TTSSpeakFrame("Hello!"))

    return worker


class Greeter(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Be the barista.")

    async def on_enter(self) -> None:
        await self.session.say("Hello!")


@asynccontextmanager
async def livekit_agent(call: Call) -> AsyncGenerator[None]:
    session = AgentSession(
        stt=LiveKitEar(HEARD),
        llm=livekit_openai.LLM(model="m"),
        tts=LiveKitMouth(),
        vad=None,
        turn_handling={"turn_detection": "stt", "endpointing": {"min_delay": 0.0}},
    )
    async with call_agent(call, session, Greeter()):
        yield


def connect(framework: str, call: Call) -> AbstractAsyncContextManager[None]:
    return call_bot(call, pipecat_bot) if framework == "pipecat" else livekit_agent(call)


@pytest.fixture(params=["pipecat", "livekit"])
def framework(request: pytest.FixtureRequest) -> str:
    return request.param


def check(exchange: Exchange) -> None:
    """The moments come in the only order that makes sense."""
    moments = [exchange.onset, exchange.first_partial, exchange.final, exchange.first_word, exchange.first_audio]
    moments += [exchange.first_played, exchange.first_heard]
    assert None not in moments
    assert moments == sorted(moments)  # pyright: ignore[reportArgumentType] - no None is left
    assert exchange.heard == [HEARD]
    assert " ".join(exchange.reply) == REPLY


async def test_greets_and_answers_each_line(brain: str, framework: str) -> None:
    transcript: list[tuple[str, str]] = []
    call = Call(lambda who, text: transcript.append((who, text)))
    async with asyncio.timeout(40), connect(framework, call):
        greeting = await call.greeting()
        first = await call.say(LOUD)
        second = await call.say(LOUD)
    assert greeting.reply == ["Hello!"]
    assert 0 <= len(greeting.audio) - len(SPEECH) <= BOT.size(0.6), len(greeting.audio)
    for exchange in (first, second):
        check(exchange)
        assert exchange.sent is not None and exchange.onset is not None
        assert exchange.sent - exchange.onset >= CALLER.seconds(len(LOUD.pcm)) - 0.05, "not in real time"
    assert len(second.audio) >= len(SPEECH)
    spoken = [(who, text) for who, text in transcript if who != "partial"]
    assert spoken[0] == ("bot", "Hello!")
    assert spoken[1] == ("caller", HEARD)
    assert spoken[-1][0] == "bot"
    assert call.exchanges == [greeting, first, second]


async def test_a_silent_caller_gets_no_answer_and_the_call_says_so(
    brain: str, framework: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = Call(lambda who, text: None)
    async with asyncio.timeout(40), connect(framework, call):
        await call.greeting()
        monkeypatch.setattr("demo.call.ANSWER_TIMEOUT", 0.5)
        with pytest.raises(CallError, match="did not answer within 0 s, because Hear understood no word"):
            await call.say(Line(bytes(3200), 0.0, 0.1))


async def test_a_brain_that_is_not_there_ends_the_call(framework: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "offline")
    call = Call(lambda who, text: None)
    async with asyncio.timeout(50), connect(framework, call):
        await call.greeting()
        with pytest.raises(CallError, match="(reports|did not answer|ended|closed).*out/demo.log"):
            await call.say(LOUD)
