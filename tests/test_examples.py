"""The two example bots, called for real: their framework, our adapters, the local server with its engines, a brain."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from demo.bots import BOTS
from demo.call import CALLER, Call, Exchange
from demo.caller import line_of
from demo.servers import Services, services
from pyai_voice.options import Endpoint, SpeakOptions
from pyai_voice.speak import SpeakClient
from tests.frameworks import frameworks_leave_http_clients_open, import_quietly

__all__ = ["frameworks_leave_http_clients_open"]

import_quietly("examples.pipecat_bot", "examples.livekit_agent")

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
LONGEST = 80
SAID = "I would like a large cappuccino, please."
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
    async with SpeakClient(Endpoint.from_env()) as client:
        pcm = await client.speak(SAID, SpeakOptions(sample_rate=CALLER.rate))
    transcript: list[str] = []
    call = Call(lambda who, text: transcript.append(f"{who}: {text}"))
    async with asyncio.timeout(60), BOTS[framework](call):
        greeting = await call.greeting()
        exchange = await call.say(line_of(pcm, CALLER, SAID))
    assert local.offline
    assert " ".join(greeting.reply) == "Hello! What can I get you?"
    assert "cappuccino" in " ".join(exchange.heard).lower(), transcript
    assert "large cappuccino" in " ".join(exchange.reply), transcript
    check(exchange)


def check(exchange: Exchange) -> None:
    """Everything happened, and the bot was heard after the caller had finished."""
    moments = (exchange.first_partial, exchange.final, exchange.first_word, exchange.first_audio)
    assert None not in moments
    assert exchange.first_played is not None and exchange.speech_end is not None
    assert exchange.first_played > exchange.speech_end
    assert any(exchange.audio)


@pytest.mark.parametrize("name", ["pipecat_bot.py", "livekit_agent.py"])
def test_an_example_is_short_enough_to_start_from(name: str) -> None:
    assert len((EXAMPLES / name).read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize(("name", "missing"), [("pipecat_bot.py", "fastapi"), ("livekit_agent.py", "livekit")])
def test_an_example_starts_as_its_user_starts_it(name: str, missing: str) -> None:
    pytest.importorskip(missing, reason=f"{name} needs {missing} to run by itself")
    command = [sys.executable, "-W", "ignore", str(EXAMPLES / name), "--help"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert ended.returncode == 0, ended.stderr
    assert "usage" in ended.stdout.lower()
