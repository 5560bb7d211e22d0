"""Hear over real sockets: what arrives, what a server may answer, how a stream ends, and what it leaves behind."""

from __future__ import annotations

import asyncio
import gc
import logging

import pytest

from pyai_voice.errors import (
    BillingError,
    ConfigurationError,
    ConnectivityError,
    ProtocolError,
    RequestError,
    StalledError,
)
from pyai_voice.events import AudioLost, Connected, Disconnected, Problem, SpeechStarted, TurnEnded
from pyai_voice.hear import HearStream
from pyai_voice.link import Link, websocket
from pyai_voice.options import Endpoint, HearOptions, LinkOptions
from tests.core.hear_stream_support import SPEECH, collect, count, finals, speak, then, until
from tests.core.scripted import KEY, Peer, Server, answer_commits, scripted, stay


@pytest.mark.conforms("H-03")
@pytest.mark.conforms("H-04")
async def test_audio_arrives_whole_and_drain_waits_for_the_answer_to_its_commit() -> None:
    async with scripted(answer_commits) as server:
        stream = HearStream(server.endpoint)
        for at in range(0, len(SPEECH), 333):  # odd pieces
            stream.send_audio(SPEECH[at : at + 333])
        await stream.drain()
        events, error = await collect(stream)
    assert error is None
    assert server.audio == SPEECH
    assert finals(events) == [f"{len(SPEECH)} bytes"]
    assert server.peers[0].texts == [{"type": "commit"}]


@pytest.mark.conforms("H-08")
async def test_no_commit_is_sent_where_no_audio_followed_the_last_one() -> None:
    async with scripted(answer_commits) as server, HearStream(server.endpoint) as stream:
        assert not stream.commit()
        speak(stream)
        assert stream.commit()
        assert not stream.commit()
        ended = await until(stream, TurnEnded)
        assert isinstance(ended, TurnEnded)
        assert ended.committed
        assert not stream.commit()
        await stream.drain()
        assert server.peers[0].texts == [{"type": "commit"}]


async def test_a_server_that_says_nothing_at_all_is_not_a_pyai_server() -> None:
    from websockets.asyncio.server import serve

    async with serve(lambda socket: socket.wait_closed(), "127.0.0.1", 0, close_timeout=0.2) as sockets:
        port = sockets.sockets[0].getsockname()[1]
        endpoint = Endpoint(api_key=KEY, base_url=f"http://127.0.0.1:{port}")
        stream = HearStream(endpoint, link=LinkOptions(open_timeout=0.3, ride_through=0))
        speak(stream)
        _, error = await collect(stream)
    assert isinstance(error, StalledError)
    assert "PyAI server" in str(error)


@pytest.mark.parametrize("status", [200, 302])
async def test_an_http_server_that_does_not_upgrade_is_named(status: int) -> None:
    async with scripted(stay, refusals=[(status, {"Location": "http://127.0.0.2:9/"}, b"<html>")] * 2) as server:
        stream = HearStream(server.endpoint)
        speak(stream)
        _, error = await collect(stream)
    assert isinstance(error, ProtocolError)
    assert f"HTTP {status}" in str(error)
    assert server.dials == 1


async def test_a_message_far_too_large_is_a_broken_protocol() -> None:
    async def flood(peer: Peer) -> None:
        await peer.say(type="partial", text="x" * 2_000_000)
        await stay(peer)

    async with scripted(flood) as server:
        stream = HearStream(server.endpoint)
        speak(stream)
        _, error = await collect(stream)
    assert isinstance(error, ProtocolError)


async def test_what_the_server_complains_of_before_it_closes_is_the_error() -> None:
    async def complain(peer: Peer) -> None:
        await peer.say(type="error", error={"code": "unsupported_language", "message": "no such language"})
        await peer.socket.close(1011)

    async with scripted(complain) as server:
        stream = HearStream(server.endpoint, HearOptions(language="xx"))
        speak(stream)
        events, error = await collect(stream)
    assert isinstance(error, RequestError)
    assert error.code == "unsupported_language"
    assert count(events, Problem) == 1


async def test_an_unknown_complaint_does_not_end_the_stream() -> None:
    async def complain(peer: Peer) -> None:
        await peer.say(type="error", code="odd", message="something")
        await answer_commits(peer)

    async with scripted(complain) as server:
        stream = HearStream(server.endpoint)
        speak(stream)
        await stream.drain()
        events, error = await collect(stream)
    assert error is None
    assert count(events, Problem) == 1
    assert finals(events) == [f"{len(SPEECH)} bytes"]


async def test_a_fatal_error_message_ends_the_stream() -> None:
    async with scripted(
        then(lambda peer: peer.say(type="error", code="credit_exhausted", message="no"), stay)
    ) as server:
        stream = HearStream(server.endpoint)
        speak(stream)
        _, error = await collect(stream)
    assert isinstance(error, BillingError)
    assert server.dials == 1


async def test_a_close_right_after_a_final_is_routine() -> None:
    async def one_and_gone(peer: Peer) -> None:
        await peer.hear_commit()
        await peer.final("one")
        await peer.socket.close(1011)

    async with scripted(one_and_gone, answer_commits) as server:
        async with HearStream(server.endpoint) as stream:
            speak(stream)
            stream.commit()
            lost = await until(stream, Disconnected)
            assert isinstance(lost, Disconnected)
            assert type(lost.error) is ConnectivityError
            assert isinstance(await until(stream, Connected), Connected)


async def test_a_drain_without_an_answer_ends_in_time_with_the_words_known() -> None:
    async def mute(peer: Peer) -> None:
        await peer.hear_commit()
        await peer.say(type="partial", text="hello", utterance_id="u", t_ms=900)
        await stay(peer)

    async with scripted(mute) as server:
        stream = HearStream(server.endpoint)
        speak(stream)
        await stream.drain(0.3)
        events, error = await collect(stream)
    assert error is None
    assert finals(events) in (["hello"], [])
    assert count(events, SpeechStarted) <= count(events, TurnEnded) == 1


async def test_a_drain_without_a_connection_tells_what_was_lost() -> None:
    nobody = Endpoint(api_key=KEY, base_url="http://127.0.0.1:9")
    stream = HearStream(nobody)
    speak(stream)
    await stream.drain(0.1)
    events, error = await collect(stream)
    assert error is None
    assert AudioLost(2.0) in events


async def test_closing_is_idempotent_and_works_before_and_after_everything() -> None:
    async with scripted(answer_commits) as server:
        unused = HearStream(server.endpoint)
        await unused.drain()
        await unused.aclose()
        assert await collect(unused) == ([], None)
        unused.start()  # closed: nothing happens
        stream = HearStream(server.endpoint)
        speak(stream)
        await until(stream, Connected)
        await stream.aclose()
        await stream.aclose()
        await stream.drain()
        assert stream.closed
        _, error = await collect(stream)
        assert error is None


async def test_closing_does_not_wait_for_a_dial_that_hangs() -> None:
    async def hangs(*_: object) -> Link:
        await asyncio.Event().wait()
        raise AssertionError

    stream = HearStream(Endpoint(api_key=KEY, base_url="http://127.0.0.1:9"), connect=hangs)
    speak(stream)
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await stream.aclose()


async def test_audio_beyond_the_journal_is_counted_and_reported() -> None:
    opened = asyncio.Event()

    async def slowly(url: str, endpoint: Endpoint, options: LinkOptions) -> Link:
        await opened.wait()
        return await websocket(url, endpoint, options)

    async with scripted(answer_commits) as server:
        stream = HearStream(server.endpoint, link=LinkOptions(journal=1.0), connect=slowly)
        speak(stream)
        opened.set()
        await stream.drain()
        events, _ = await collect(stream)
    assert AudioLost(1.0) in events
    assert server.audio == SPEECH[-32000:]


async def test_half_a_sample_at_the_end_is_reported() -> None:
    async with scripted(answer_commits) as server:
        stream = HearStream(server.endpoint)
        stream.send_audio(SPEECH + b"x")
        await stream.drain()
        events, _ = await collect(stream)
    [problem] = [event for event in events if isinstance(event, Problem)]
    assert "even number of bytes" in str(problem.error)
    assert server.audio == SPEECH


async def test_a_reader_that_never_reads_ends_the_stream() -> None:
    async def chatter(peer: Peer) -> None:
        for number in range(1200):
            await peer.say(type="partial", text="hello", utterance_id=f"u{number}")
            await peer.final("hello", utterance_id=f"u{number}")
        await stay(peer)

    gone = asyncio.Event()

    async def chatter_until_gone(peer: Peer) -> None:
        try:
            await chatter(peer)
        finally:
            gone.set()

    async with scripted(chatter_until_gone) as server:
        stream = HearStream(server.endpoint)
        stream.start()
        async with asyncio.timeout(20):
            await gone.wait()
        _, error = await collect(stream)
    assert isinstance(error, ConfigurationError)
    assert error.code == "events_not_read"


def everything_said_by(error: BaseException | None) -> str:
    seen, text = set(), ""
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        text += repr(error) + str(error) + repr(vars(error))
        assert error.__context__ is None
        error = error.__cause__
    return text


@pytest.mark.conforms("A-06")
@pytest.mark.parametrize("refusal", [(401, b""), (403, KEY.encode()), (302, b""), (503, b"x")])
async def test_the_key_is_nowhere(caplog: pytest.LogCaptureFixture, refusal: tuple[int, bytes]) -> None:
    caplog.set_level(logging.DEBUG)
    status, body = refusal
    async with scripted(answer_commits, refusals=[(status, {}, body)]) as server:
        stream = HearStream(server.endpoint, link=LinkOptions(ride_through=0))
        speak(stream)
        await stream.drain()
        _, error = await collect(stream)
        good = HearStream(server.endpoint)
        speak(good)
        await good.drain()
        await collect(good)
    said = caplog.text + everything_said_by(error) + repr(server.endpoint) + repr(stream) + repr(vars(stream))
    client_side = "\n".join(line for line in said.splitlines() if "websockets.server" not in line)
    assert "canary" not in client_side.replace("websockets.server", "")


async def test_two_hundred_streams_leave_nothing_behind() -> None:
    async def cycle(server: Server) -> None:
        stream = HearStream(server.endpoint)
        speak(stream, SPEECH[:6400])
        await stream.drain()
        await collect(stream)

    async with scripted(answer_commits) as server:
        await cycle(server)
        before = asyncio.all_tasks()
        for _ in range(20):
            await asyncio.gather(*(cycle(server) for _ in range(10)))
        gc.collect()
        streams = [thing for thing in gc.get_objects() if isinstance(thing, HearStream)]
        assert len(streams) == 0
        left = asyncio.all_tasks() - before
        if left:
            _, left = await asyncio.wait(left, timeout=5)
        assert not left
