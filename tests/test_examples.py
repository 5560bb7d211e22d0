"""The example bots, called for real: their framework, our adapters, the local server with its engines, a brain."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from demo.bots import BOTS, Connect
from demo.call import CALLER, Call, Exchange, Line
from demo.caller import line_of
from demo.house import teach
from demo.servers import Services, services
from pyai_voice.client import Client
from pyai_voice.options import Endpoint, SpeakOptions
from pyai_voice.speak import SpeakClient
from tests.frameworks import frameworks_leave_http_clients_open, import_quietly

__all__ = ["frameworks_leave_http_clients_open"]

import_quietly(
    *(f"examples.{name}" for name in ("pipecat_bot", "livekit_agent", "pipecat_cue_bot", "livekit_cue_agent"))
)

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
LONGEST = 80
SAID = "I would like a large cappuccino, please."
ASKED = "When do you open on Sundays?"
pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # Pipecat's OpenAI service never closes its client
]


@pytest.fixture
async def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Services]:
    """Serve Hear, Speak and the brain on this machine, whatever the environment says."""
    for name in ("PYAI_API_KEY", "PYAI_BASE_URL", "OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    async with services(tmp_path / "servers.log") as used:
        yield used


@pytest.mark.parametrize("framework", BOTS)
async def test_a_bot_greets_hears_an_order_and_repeats_it(local: Services, framework: str) -> None:
    line = await read_out(SAID)
    transcript: list[str] = []
    call = Call(lambda who, text: transcript.append(f"{who}: {text}"))
    async with asyncio.timeout(60), BOTS[framework].connect(call):
        greeting = await call.greeting()
        exchange = await call.say(line)
    assert local.offline
    assert " ".join(greeting.reply) == "Hello! What can I get you?"
    assert "cappuccino" in " ".join(exchange.heard).lower(), transcript
    assert "large cappuccino" in " ".join(exchange.reply), transcript
    check(exchange, thinks=not BOTS[framework].realtime)


async def read_out(text: str) -> Line:
    """Return a line that a voice of Speak reads."""
    async with SpeakClient(Endpoint.from_env()) as client:
        pcm = await client.speak(text, SpeakOptions(sample_rate=CALLER.rate))
    return line_of(pcm, CALLER, text)


def pipecat_cue(call: Call) -> AbstractAsyncContextManager[None]:
    from demo.headless.pipecat import call_bot
    from examples.pipecat_cue_bot import build

    return call_bot(call, build)


def livekit_cue(call: Call) -> AbstractAsyncContextManager[None]:
    from demo.headless.livekit import call_agent
    from examples.livekit_cue_agent import Host, build

    return call_agent(call, build(), Host())


@pytest.mark.usefixtures("local")
@pytest.mark.parametrize("connect", [pipecat_cue, livekit_cue])
async def test_a_bot_answers_from_a_knowledge_base_and_keeps_its_history_clean(
    connect: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Client(Endpoint.from_env()) as client:
        await teach(client)
    line = await read_out(ASKED)
    call = Call(lambda who, text: None)
    async with asyncio.timeout(60), connect(call):
        await call.greeting()
        exchange = await call.say(line)
    check(exchange)
    assert exchange.requests == 1
    assert "two in the afternoon" in " ".join(exchange.reply), exchange.heard
    assert "[1] 0." in capsys.readouterr().out
    assert call.passages
    assert not any(passage in message for passage in call.passages for message in call.history)


def check(exchange: Exchange, *, thinks: bool = True) -> None:
    """Everything happened, and the bot was heard after the caller had finished; ``thinks``: with a model of its own."""
    assert None not in (exchange.first_partial, exchange.final)
    assert not thinks or None not in (exchange.first_word, exchange.first_audio)
    assert exchange.first_played is not None and exchange.speech_end is not None
    assert exchange.first_played > exchange.speech_end
    assert any(exchange.audio)


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_an_example_is_short_enough_to_start_from(name: str) -> None:
    assert len((EXAMPLES / name).read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize(("name", "missing"), [("pipecat_bot.py", "fastapi"), ("livekit_agent.py", "livekit")])
def test_an_example_starts_as_its_user_starts_it(name: str, missing: str) -> None:
    pytest.importorskip(missing, reason=f"{name} needs {missing} to run by itself")
    command = [sys.executable, "-W", "ignore", str(EXAMPLES / name), "--help"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert ended.returncode == 0, ended.stderr
    assert "usage" in ended.stdout.lower()
