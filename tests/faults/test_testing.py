"""The faulty server itself: its audio hides no fault, its records hide the key, and it comes back as it went."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyai_voice.errors import PyAIError, RateLimitError
from pyai_voice.events import Transcript, TurnEnded
from pyai_voice.hear import HearStream
from pyai_voice.options import Endpoint, HearOptions
from pyai_voice.speak import SpeakClient
from pyai_voice.testing import (
    FaultyServer,
    HearFault,
    NoCommitAnswer,
    Refuse,
    coded_engines,
    coded_speech,
    frames_in,
    silence,
    spoken,
)
from pyai_voice.testing.coded import read_frames

COUNT = 20
AUDIO = coded_speech(COUNT, first=7)
WHOLE = list(range(7, 7 + COUNT))
samples = st.integers(0, len(AUDIO) // 2).map(lambda number: 2 * number)


@given(st.integers(0, 29_000), st.integers(0, 100), st.integers(0, 5))
def test_coded_speech_says_which_frames_it_has(first: int, count: int, quiet: int) -> None:
    audio = silence(quiet / 50) + coded_speech(count, first) + silence(quiet / 50)
    assert frames_in(read_frames(audio)) == list(range(first, first + count))


@given(samples, samples)
def test_any_sample_that_is_missing_is_seen(start: int, end: int) -> None:
    heard = frames_in(read_frames(AUDIO[: min(start, end)] + AUDIO[max(start, end) :]))
    assert (heard == WHOLE) == (start == end)


@given(samples, samples)
def test_any_sample_that_comes_twice_is_seen(start: int, end: int) -> None:
    heard = frames_in(read_frames(AUDIO[: max(start, end)] + AUDIO[min(start, end) :]))
    assert (heard == WHOLE) == (start == end)


@given(st.integers(0, len(AUDIO) - 1), st.integers(1, 255))
def test_any_byte_that_is_changed_is_seen(place: int, change: int) -> None:
    damaged = bytearray(AUDIO)
    damaged[place] ^= change
    assert frames_in(read_frames(bytes(damaged))) != WHOLE


def test_frames_are_written_as_ranges() -> None:
    audio = coded_speech(5) + coded_speech(2, first=3) + b"\1\1" * 320 + coded_speech(1, first=9)
    assert read_frames(audio) == "0-4 3-4 ? 9."
    assert frames_in(read_frames(audio), "11.") == [0, 1, 2, 3, 4, 3, 4, -1, 9, 11]
    assert read_frames(silence(0.1)) == ""


def test_what_is_spoken_follows_from_the_text() -> None:
    assert spoken("Hello.") == spoken("Hello.")
    assert spoken("Hello.") != spoken("Hello!")
    assert len(spoken("Hello.")) == 6 * 2 * 24_000 // 20


async def final(endpoint: Endpoint, options: HearOptions | None = None) -> str:
    """Have a second of coded speech heard; return its final transcript."""
    stream = HearStream(endpoint, options)
    stream.send_audio(coded_speech(50))
    await stream.drain()
    return "".join([event.text async for event in stream if isinstance(event, Transcript) and event.final])


async def test_without_faults_it_hears_and_speaks() -> None:
    async with FaultyServer() as server:
        assert await final(server.endpoint) == "0-49."
        async with SpeakClient(server.endpoint) as client:
            assert await client.speak("Hello.") == spoken("Hello.")
    [stream], [request] = server.streams, server.requests
    assert bytes(stream.audio) == coded_speech(50)
    assert stream.accepted
    assert not stream.open
    assert stream.commits == 1
    assert any('"final"' in message for message in stream.told)
    assert request.fields["input"] == "Hello."
    assert request.sent == len(spoken("Hello."))


async def test_records_hide_the_key() -> None:
    async with FaultyServer() as server:
        await final(server.endpoint, HearOptions(query={"api_key": server.api_key}))
    [stream] = server.streams
    assert server.api_key not in repr(stream)
    assert stream.subprotocols[0] == "pyai.v1"
    assert stream.query["sample_rate"] == "16000"


async def test_it_comes_back_on_the_same_port_with_the_same_key() -> None:
    async with FaultyServer() as server:
        before = server.endpoint
        await server.stop()
        await server.stop()
        with pytest.raises(PyAIError, match="Cannot reach"):
            async with SpeakClient(before, retry_window=0) as client:
                await client.speak("Hello.")
        await server.start()
        assert server.endpoint == before
        assert await final(before) == "0-49."


async def test_faults_can_be_added_and_are_used_up() -> None:
    async with FaultyServer() as server:
        server.speak.append(Refuse(429, "rate_limit_exceeded", retry_after=0))
        async with SpeakClient(server.endpoint, retry_window=0) as client:
            with pytest.raises(RateLimitError):
                await client.speak("Hello.")
            assert await client.speak("Hello.") == spoken("Hello.")
    assert not server.speak


async def test_a_fault_of_ones_own() -> None:
    class Mumble(HearFault):
        async def tell(self, line, message):
            await line.say(message.replace("0-49", "mumble"))

    async with FaultyServer(hear=[Mumble()]) as server:
        assert await final(server.endpoint) == "mumble."


async def test_a_commit_without_an_answer() -> None:
    async with FaultyServer(hear=[NoCommitAnswer()]) as server:
        stream = HearStream(server.endpoint)
        stream.send_audio(coded_speech(50))
        await stream.drain(0.5)
        ended = [event.reason async for event in stream if isinstance(event, TurnEnded)]
    assert ended == ["closed"]
    assert server.streams[0].commits == 1


async def test_waiting_for_what_does_not_come_ends() -> None:
    async with FaultyServer() as server:
        with pytest.raises(TimeoutError):
            await server.until(lambda: bool(server.streams), seconds=0.05)


async def test_engines_that_are_given_stay_open() -> None:
    engines = coded_engines()
    for _ in range(2):
        async with FaultyServer(engines=engines) as server:
            assert await final(server.endpoint) == "0-49."
    await engines.aclose()


BARE = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("starlette", "uvicorn", "av", "typer", "text_to_num"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
from pyai_voice.testing import Abort, HearRecord, coded_speech, spoken
from pyai_voice.errors import ConfigurationError
try:
    from pyai_voice.testing import FaultyServer
except ConfigurationError as error:
    print(error)
"""


def test_only_the_server_needs_the_servers_extra() -> None:
    done = subprocess.run([sys.executable, "-c", BARE], capture_output=True, text=True, timeout=30, check=False)
    assert done.stderr == ""
    assert "pip install 'pyai-voice[server]'" in done.stdout
