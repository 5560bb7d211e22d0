"""The two example bots that wait for AMD, called for real: a person says hello, a voicemail beeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from demo.call import BOT, CALLER, Call, CallError
from demo.caller import line_of
from pyai_voice.audio import resample
from pyai_voice.options import Endpoint, SpeakOptions
from pyai_voice.server.engines.load import Engines
from pyai_voice.server.serving import running
from pyai_voice.speak import SpeakClient
from tests.core.scripted_http import scripted
from tests.frameworks import frameworks_leave_http_clients_open, import_quietly
from tests.livekit.test_amd import Line
from tests.pipecat.model import answering

__all__ = ["frameworks_leave_http_clients_open"]

import_quietly("examples.pipecat_amd_bot", "examples.livekit_amd_agent")

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
LONGEST = 80
pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # Pipecat's OpenAI service never closes its client
]


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


class Job:
    """What LiveKit gives the worker: a room, and a telephone that is answered with this sound, or not at all."""

    def __init__(self, pcm: bytes) -> None:
        self.room = Line()
        self.room.name = "call"
        self.job = SimpleNamespace(metadata="+15550100001")
        self.api = SimpleNamespace(sip=self)
        self.ends: list[Callable[[], Awaitable[None]]] = []
        self.speaking: asyncio.Task[None] | None = None
        self.ended = ""
        self._pcm = pcm and resample(pcm, CALLER.rate, 8000) + bytes(4 * 2 * 8000)

    async def connect(self) -> None:
        """The room is there."""

    def add_shutdown_callback(self, callback: Callable[[], Awaitable[None]]) -> None:
        self.ends.append(callback)

    async def create_sip_participant(self, request: Any) -> None:
        """Call; return when somebody has answered."""
        from livekit.api import TwirpError

        assert (request.sip_trunk_id, request.sip_call_to) == ("ST_1", "+15550100001")
        assert request.wait_until_answered
        if not self._pcm:
            raise TwirpError("unavailable", "busy", status=503)
        phone = self.room.join(request.participant_identity, status="active")
        self.speaking = asyncio.create_task(self._speak(phone.source))

    def shutdown(self, reason: str) -> None:
        self.ended = reason

    async def _speak(self, source: Any) -> None:
        from livekit import rtc

        for at in range(0, len(self._pcm) - 319, 320):
            await source.capture_frame(rtc.AudioFrame(self._pcm[at : at + 320], 8000, 1, 160))


@asynccontextmanager
async def livekit(call: Call, pcm: bytes) -> AsyncIterator[Job]:
    """Run the worker's entrypoint; its session hears the call beside the room."""
    from demo.headless.livekit import call_agent
    from examples import livekit_amd_agent as example

    job = Job(pcm)
    async with AsyncExitStack() as held:
        session = example.build()

        async def start(agent: Any, room: object) -> None:
            assert room is job.room
            await held.enter_async_context(call_agent(call, session, agent))

        patches = held.enter_context(pytest.MonkeyPatch.context())
        patches.setenv("SIP_TRUNK_ID", "ST_1")
        patches.setattr(example, "build", lambda: SimpleNamespace(start=start))
        await example.entrypoint(job)  # type: ignore[arg-type] - as much of a job as it looks at
        yield job
        if job.speaking:
            job.speaking.cancel()
            for end in job.ends:
                await end()


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


async def test_when_the_call_fails_the_worker_ends_at_once(local: None) -> None:
    async with asyncio.timeout(20), livekit(Call(lambda who, text: None), b"") as job:
        assert job.ended == "busy"


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
