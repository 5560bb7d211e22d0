"""The two example bots that wait for AMD, called for real: a person says hello, a voicemail beeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from demo.call import BOT, CALLER, Call, CallError
from demo.caller import line_of
from pyai_voice.options import Endpoint, SpeakOptions
from pyai_voice.server.engines.load import Engines, load_engines
from pyai_voice.server.serving import running
from pyai_voice.speak import SpeakClient
from tests.core.scripted_http import scripted
from tests.frameworks import frameworks_leave_http_clients_open, import_quietly
from tests.pipecat.model import answering

__all__ = ["frameworks_leave_http_clients_open"]

import_quietly("examples.pipecat_amd_bot", "examples.livekit_amd_agent")

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
LONGEST = 80
pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # Pipecat's OpenAI service never closes its client
]


@pytest.fixture(scope="module")
def engines() -> Iterator[Engines]:
    loaded = asyncio.run(load_engines())
    yield loaded
    asyncio.run(loaded.aclose())


@pytest.fixture
async def local(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Serve AMD, Hear, Speak and a model that says one thing, whatever the environment says."""
    async with running(engines) as server, scripted(answering("I see.")) as model:
        monkeypatch.setenv("PYAI_API_KEY", server.api_key)
        monkeypatch.setenv("PYAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{model.port}/v1")
        yield


async def spoken(text: str) -> bytes:
    async with SpeakClient(Endpoint.from_env()) as client:
        return await client.speak(text, SpeakOptions(sample_rate=CALLER.rate))


def beep() -> bytes:
    time = np.arange(CALLER.rate // 2) / CALLER.rate
    return (8000 * np.sin(2 * np.pi * 1000 * time)).astype("<i2").tobytes()


@asynccontextmanager
async def pipecat(call: Call, pcm: bytes) -> AsyncIterator[None]:
    from demo.headless.pipecat import call_bot
    from examples.pipecat_amd_bot import build

    async with call_bot(call, build):
        yield


@asynccontextmanager
async def livekit(call: Call, pcm: bytes) -> AsyncIterator[None]:
    """Run the agent; its detector hears what the session hears, as it would hear a participant's track."""
    from livekit import rtc
    from livekit.plugins import pyai

    from demo.headless.livekit import call_agent
    from examples.livekit_amd_agent import Caller, build

    async def hear(amd: pyai.AnsweringMachineDetector) -> None:
        for start in range(0, len(pcm) + 4 * 2 * CALLER.rate, CALLER.size(0.02)):
            piece = pcm[start : start + CALLER.size(0.02)].ljust(CALLER.size(0.02), b"\0")
            amd.push_frame(rtc.AudioFrame(piece, CALLER.rate, 1, len(piece) // 2))
            await asyncio.sleep(0.02)

    async with pyai.AnsweringMachineDetector() as amd, call_agent(call, build(), Caller(amd)):
        hearing = asyncio.create_task(hear(amd))
        yield
        hearing.cancel()


FRAMEWORKS = pytest.mark.parametrize("connect", [pipecat, livekit])


@FRAMEWORKS
async def test_a_person_is_greeted_after_the_hello(local: None, connect: object) -> None:
    reply = await answer_to(connect, await spoken("Hello?"))
    assert "Your order is ready" in reply
    assert "open until six" not in reply


@FRAMEWORKS
async def test_a_voicemail_that_beeps_is_left_a_message(local: None, connect: object) -> None:
    reply = await answer_to(connect, await spoken("This is Mike.") + bytes(6400) + beep())
    assert "open until six" in reply
    assert "Hello!" not in reply


async def answer_to(connect: object, pcm: bytes) -> str:
    """Let somebody answer with this sound; return what the bot says, and check that it waited for the end of it."""
    assert callable(connect)
    call = Call(lambda who, text: None)
    async with asyncio.timeout(80), connect(call, pcm):
        with suppress(CallError):  # a bot that hangs up when it has said its message
            await call.say(line_of(pcm, CALLER))
        exchange = call.now
    assert not call.exchanges[0].audio, "the bot spoke before anybody had answered"
    assert exchange.first_heard is not None and exchange.speech_end is not None
    assert exchange.first_heard > exchange.speech_end - 0.5
    assert len(exchange.audio) > BOT.rate
    return " ".join(exchange.reply)


@pytest.mark.parametrize("name", ["pipecat_amd_bot.py", "livekit_amd_agent.py"])
def test_an_example_is_short_enough_to_start_from(name: str) -> None:
    assert len((EXAMPLES / name).read_text(encoding="utf-8").splitlines()) <= LONGEST
