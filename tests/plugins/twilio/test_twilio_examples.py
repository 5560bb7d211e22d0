"""The examples, called for real: mu-law speech in, the reply decoded and transcribed; a person, and two machines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from xml.etree import ElementTree

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from examples import twilio_amd_call, twilio_omni
from pyai_voice import g711
from pyai_voice.amd_options import AmdOptions
from pyai_voice.client import Client
from pyai_voice.options import SpeakOptions
from pyai_voice.server.brain import Prompt, Thought
from pyai_voice.server.brain.scripted import call
from pyai_voice.server.engines.load import Engines
from pyai_voice.server.serving import bind, running, serving
from pyai_voice.server.settings import Settings
from tests.plugins.twilio.twilio_house import ACCOUNT, CALLER, NUMBER, SILENCE, TOKEN, Twilio, TwilioCall
from tests.plugins.twilio.twilio_rest import MADE, Rest, twilio_rest
from twilio_pyai import detect

EXAMPLES = Path(twilio_omni.__file__).parent
SECOND = SILENCE * 50


class FrontDesk:
    """Does what the example's persona asks, by rule."""

    name = "rules"

    async def think(self, prompt: Prompt) -> AsyncGenerator[Thought]:
        last = prompt.messages[-1]
        if last.role == "tool":
            yield "We open at seven in the morning."
        elif "bye" in last.text.lower():
            yield "Goodbye!"
            yield call("end_call")
        elif "open" in last.text.lower():
            yield call("opening_hours")

    async def aclose(self) -> None:
        """Nothing to let go of."""


@pytest.fixture
async def pyai(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    """Serve with real ears and a real voice."""
    async with running(engines, brain=FrontDesk()) as server:
        monkeypatch.setenv("PYAI_API_KEY", server.api_key)
        monkeypatch.setenv("PYAI_BASE_URL", server.base_url)
        monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
        for name in ("TWILIO_PUBLIC_URL", "TWILIO_ACCOUNT_SID"):
            monkeypatch.delenv(name, raising=False)
        async with Client() as client:
            yield client


@asynccontextmanager
async def served(app: Starlette) -> AsyncGenerator[Twilio]:
    async with (
        app.router.lifespan_context(app),
        serving(app, Settings(), bind()) as (_, url),
        httpx.AsyncClient(base_url=url, trust_env=False) as http,
    ):
        yield Twilio(url, "", TOKEN, http)


async def spoken(pyai: Client, text: str) -> bytes:
    """Return speech as a telephone has it."""
    options = SpeakOptions(sample_rate=8000, response_format="pcm")
    async with pyai.speak(text, options) as speech:
        return g711.encode(b"".join([pcm async for pcm in speech]))


async def transcript(engines: Engines, coded: bytes) -> str:
    """Return the words in the sound of a telephone."""
    from pyai_voice.audio import resample
    from pyai_voice.server.engines import Priority

    pcm = resample(g711.decode(coded), g711.RATE, engines.recognizer.rate)
    return (await engines.recognizer.recognize(pcm, Priority.FINAL)).text.lower()


async def reply(line: TwilioCall, before: bytes = b"") -> None:
    """Listen on the line until something was said, and then nothing more for a second and a half."""
    said = -1
    while said != (said := len(line.sound())) or said <= len(before):
        await line.speak(SECOND + SECOND[: len(SECOND) // 2])


async def test_a_number_answered_by_omni(pyai: Client, engines: Engines) -> None:
    question = await spoken(pyai, "Hello, when do you open in the morning?")
    goodbye = await spoken(pyai, "Thank you, that is all. Goodbye.")
    async with served(twilio_omni.build()) as twilio, twilio.call() as line, asyncio.timeout(50):
        await reply(line)
        greeting = line.sound()
        assert "coffee bar" in await transcript(engines, greeting)
        await line.speak(question)
        await reply(line, greeting)
        assert "open at seven" in await transcript(engines, line.sound()[len(greeting) :])
        leaving = asyncio.create_task(line.speak(goodbye + SECOND * 20))
        assert await line.ended() == 1000
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        assert "bye" in await transcript(engines, line.sound()[-3 * 8000 :])


@asynccontextmanager
async def answered(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[tuple[TwilioCall, Rest]]:
    """Let the example call somebody, and answer."""
    async with twilio_rest() as rest, aclosing(rest.control()) as control:
        async with served(twilio_amd_call.build(control)) as twilio:
            monkeypatch.setenv("TWILIO_PUBLIC_URL", twilio.url)
            sid = await twilio_amd_call.dial(control, CALLER, NUMBER)
            assert rest.asked.pop() == ("", {"To": CALLER, "From": NUMBER, "Url": f"{twilio.url}/voice"})
            async with twilio.call(sid) as line, asyncio.timeout(40):
                yield line, rest


async def test_a_person_is_greeted_after_the_hello(
    pyai: Client, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    hello = await spoken(pyai, "Hello?")
    async with answered(monkeypatch) as (line, rest):
        await line.speak(hello)
        assert not line.sound(), "the agent spoke before anybody had answered"
        await reply(line)
        assert "order is ready" in await transcript(engines, line.sound())
        assert not rest.asked and line.close_code is None
        await line.hang_up()


async def test_a_voicemail_that_beeps_is_left_a_message(
    pyai: Client, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = np.arange(4000) / 8000
    beep = g711.encode((8000 * np.sin(2 * np.pi * 1000 * time)).astype("<i2").tobytes())
    greeting = await spoken(pyai, "This is Mike.")
    async with answered(monkeypatch) as (line, rest):
        await line.speak(greeting + SILENCE * 20 + beep)
        assert not line.sound(), "the agent spoke before the beep"
        listening = asyncio.create_task(line.speak(SECOND * 20))
        assert await line.ended() == 1000
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        words = await transcript(engines, line.sound())
        assert "order is ready" in words and "hello" not in words
        assert sum(len(each.coded) for each in line.heard) == len(line.sound()), "the message was cut"
    assert rest.asked == [(MADE, {"Status": "completed"})]


async def test_another_machine_is_hung_up_on(pyai: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "You have reached the voicemail of Anna Miller. I cannot come to the phone. Please leave a message."
    greeting = await spoken(pyai, text)
    async with answered(monkeypatch) as (line, rest):
        speaking = asyncio.create_task(line.speak(greeting + SECOND * 10))
        assert await line.ended() == 1000
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)
        assert not line.sound()
    assert rest.asked == [(MADE, {"Status": "completed"})]


async def test_a_fork_of_the_call_is_judged_by_what_its_twiml_says(pyai: Client) -> None:
    """Twilio does what `detect()` says: the address without a query, everything else as custom parameters."""
    twiml = ElementTree.fromstring(str(detect(pyai.endpoint, AmdOptions(parameters={"crm": "7"}), call_sid="CA1")))
    (stream,) = twiml.iter("Stream")
    parameters = {each.attrib["name"]: each.attrib["value"] for each in stream}
    hello = await spoken(pyai, "Hello?")
    async with connect(stream.attrib["url"], compression=None) as socket, asyncio.timeout(20):
        line = TwilioCall(socket, "CA1")
        await line.begin(parameters)
        with suppress(ConnectionClosed):  # it hangs up when it has decided
            await line.speak(hello + SECOND * 3, paced=False)
        decision = json.loads(await socket.recv())
    assert (decision["event"], decision["answered_by"]) == ("amd", "human")
    (record,) = [each async for each in pyai.amd.calls.list()]
    assert record.custom_parameters == {"crm": "7", "call_sid": "CA1"}


@pytest.mark.parametrize("name", ["twilio_omni.py", "twilio_amd_call.py"])
def test_an_example_is_short_enough_to_start_from(name: str) -> None:
    assert len((EXAMPLES / name).read_text(encoding="utf-8").splitlines()) <= 80


def test_the_account_is_no_secret() -> None:
    assert ACCOUNT not in (EXAMPLES / "twilio_amd_call.py").read_text(encoding="utf-8")
