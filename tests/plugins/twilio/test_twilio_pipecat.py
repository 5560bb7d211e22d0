"""The Pipecat bot of the examples, called as Twilio calls it: real sockets, real ears and voice, a model by script."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from pyai_voice.client import Client
from pyai_voice.server.engines.load import Engines
from pyai_voice.server.serving import bind, running, serving
from pyai_voice.server.settings import Settings
from tests.core.scripted_http import Scripted, scripted
from tests.frameworks import frameworks_leave_http_clients_open, import_quietly
from tests.pipecat.model import answering, asked
from tests.plugins.twilio.test_twilio_examples import SECOND, reply, spoken, transcript
from tests.plugins.twilio.twilio_house import TOKEN, Twilio, TwilioCall

__all__ = ["frameworks_leave_http_clients_open"]
pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # Pipecat's OpenAI service never closes its client
]
HOURS = "We open at seven in the morning. We close at six in the evening. On Sundays we open at two in the afternoon."
MENU = "The kitchen is closed today."


@pytest.fixture
async def pyai(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    async with running(engines) as server:
        monkeypatch.setenv("PYAI_API_KEY", server.api_key)
        monkeypatch.setenv("PYAI_BASE_URL", server.base_url)
        monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
        monkeypatch.delenv("TWILIO_PUBLIC_URL", raising=False)
        async with Client() as client:
            yield client


@pytest.fixture
async def model(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scripted]:
    async with scripted(answering(HOURS), answering(MENU)) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.port}/v1")
        yield server


@asynccontextmanager
async def number() -> AsyncGenerator[Twilio]:
    """Serve the example."""
    import_quietly("examples.pipecat_twilio_bot")
    app = importlib.import_module("examples.pipecat_twilio_bot").app
    async with (
        serving(app, Settings(), bind()) as (_, url),
        httpx.AsyncClient(base_url=url, trust_env=False) as http,
    ):
        yield Twilio(url, "", TOKEN, http)


async def test_a_caller_is_greeted_answered_interrupts_and_presses_a_key(
    pyai: Client, engines: Engines, model: Scripted
) -> None:
    question = await spoken(pyai, "When do you open in the morning?")
    more = await spoken(pyai, "Sorry, I wanted to ask about something else.")
    async with number() as twilio, twilio.call() as line, asyncio.timeout(90):
        await reply(line)
        greeting = line.sound()
        assert "coffee bar" in await transcript(engines, greeting)
        await line.speak(question)
        while len(heard(line)) < len(greeting) + 2 * 8000:
            await line.speak(SECOND[: len(SECOND) // 5])
        cleared = len(line.cleared_at)
        await line.speak(more + SECOND)
        assert len(line.cleared_at) > cleared, "the bot was not interrupted"
        assert "seven" in await transcript(engines, heard(line)[len(greeting) :][: 3 * 8000])
        await line.press("5")
        said = line.sound()
        await reply(line, said)
        assert "kitchen is closed" in await transcript(engines, line.sound()[len(said) :])
        await line.hang_up()
    questions = [content for role, content in asked(model)[-1] if role == "user"]
    assert "open in the morning" in questions[0].lower()
    assert "(presses 5)" in questions


def heard(line: TwilioCall) -> bytes:
    """Return what the caller has heard so far."""
    return b"".join(each.coded for each in line.heard)


async def test_a_stranger_is_refused(pyai: Client) -> None:
    async with number() as twilio:
        assert (await twilio.ask(**{"X-Twilio-Signature": "AAAA"})).status_code == 403
        assert (await twilio.http.post("/voice", content=b"a=" + b"b" * 70000)).status_code == 415
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert (await twilio.http.post("/voice", content=b"a=" + b"b" * 70000, headers=form)).status_code == 413
        assert (await twilio.http.get("/voice")).status_code == 405
        for headers in ({}, {"X-Twilio-Signature": "AAAA"}):
            with pytest.raises(InvalidStatus) as refused:
                await twilio.socket(additional_headers=headers)
            assert refused.value.response.status_code == 403
