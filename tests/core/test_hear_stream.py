"""Hear over real sockets, fault by fault."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable

import pytest

from pyai_voice.errors import (
    AuthenticationError,
    BillingError,
    ConfigurationError,
    ConnectivityError,
    PermissionDeniedError,
    ProtocolError,
    PyAIError,
    RequestError,
    StalledError,
    UnsupportedError,
)
from pyai_voice.events import (
    AudioLost,
    ConfigAcknowledged,
    Connected,
    Disconnected,
    HearEvent,
    Problem,
    SpeechStarted,
    Transcript,
    TurnEnded,
)
from pyai_voice.hear import HearStream
from pyai_voice.link import Link, websocket
from pyai_voice.options import Endpoint, HearOptions, LinkOptions
from pyai_voice.protocol.hear.wire import STREAM_PATH
from tests.core.scripted import KEY, Peer, Server, answer_commits, leave, scripted, stay

SPEECH = bytes(range(256)) * 250
"""Two seconds of loud audio at 16 kHz, no two messages of it alike in place."""
FRAME = 640


def speak(stream: HearStream, pcm: bytes = SPEECH) -> None:
    for at in range(0, len(pcm), FRAME):
        stream.send_audio(pcm[at : at + FRAME])


async def collect(stream: HearStream) -> tuple[list[HearEvent], PyAIError | None]:
    """Read to the end; return the events and the error that ended them."""
    events: list[HearEvent] = []
    async with asyncio.timeout(30):
        try:
            async for event in stream:
                events.append(event)
        except PyAIError as error:
            return events, error
    return events, None


async def until(stream: HearStream, kind: type[HearEvent]) -> HearEvent:
    """Read until an event of this kind comes."""
    async with asyncio.timeout(30):
        async for event in stream:
            if isinstance(event, kind):
                return event
    raise AssertionError(f"no {kind.__name__} came")


def finals(events: list[HearEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, Transcript) and event.final]


def count(events: list[HearEvent], kind: type[HearEvent]) -> int:
    return sum(isinstance(event, kind) for event in events)


def then(*steps: Callable[[Peer], Awaitable[None]]) -> Callable[[Peer], Awaitable[None]]:
    async def script(peer: Peer) -> None:
        for step in steps:
            await step(peer)

    return script


def after(size: int, act: Callable[[Peer], object]) -> Callable[[Peer], Awaitable[None]]:
    """Act once so many bytes came on this connection and one partial was said."""

    async def script(peer: Peer) -> None:
        await peer.hear_audio(size)
        await peer.say(type="partial", text="half a", utterance_id="u", t_ms=500)
        result = act(peer)
        if isinstance(result, Awaitable):
            await result

    return script


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


@pytest.mark.parametrize(
    "cut",
    [
        lambda peer: peer.abort(),
        lambda peer: peer.socket.close(1011, "engine"),
        lambda peer: peer.socket.close(1000),
        lambda peer: peer.socket.close(1012),
        lambda peer: peer.socket.close(4429, "busy"),
        lambda peer: peer.say(type="error", error={"code": "engine_unavailable", "message": "gone"}),
        lambda peer: peer.say(type="error", code="concurrency_limit_exceeded", message="busy"),
    ],
    ids=["abort", "1011", "1000", "1012", "4429", "engine error", "busy error"],
)
async def test_a_cut_utterance_is_sent_again_and_finished_once(cut: Callable[[Peer], object]) -> None:
    async with scripted(after(32000, cut), answer_commits) as server:
        stream = HearStream(server.endpoint)
        speak(stream)
        stream.commit()
        await stream.drain(20)
        events, error = await collect(stream)
    assert error is None
    assert server.peers[1].audio == SPEECH
    assert finals(events) == [f"{len(SPEECH)} bytes"]
    assert count(events, SpeechStarted) == count(events, TurnEnded) == 1
    assert count(events, Disconnected) == 1


async def test_what_a_final_has_confirmed_is_not_sent_again() -> None:
    async def first(peer: Peer) -> None:
        await peer.hear_audio(32000)
        await peer.final("first", "endpoint", t_ms=600)
        peer.abort()

    async with scripted(first, answer_commits) as server:
        stream = HearStream(server.endpoint)
        speak(stream)
        await stream.drain(20)
        events, _ = await collect(stream)
    confirmed = int(0.6 * 32000)
    assert server.peers[1].audio == SPEECH[confirmed:]
    assert finals(events) == ["first", f"{len(SPEECH) - confirmed} bytes"]
    [second] = [event for event in events if isinstance(event, TurnEnded) and event.committed]
    assert second.at == pytest.approx(2.0)


async def test_first_words_wait_for_a_slow_first_connection() -> None:
    opened = asyncio.Event()

    async def slowly(url: str, endpoint: Endpoint, options: LinkOptions) -> Link:
        await opened.wait()
        return await websocket(url, endpoint, options)

    async with scripted(answer_commits) as server:
        stream = HearStream(server.endpoint, connect=slowly)
        speak(stream)
        stream.commit()
        opened.set()
        await stream.drain()
        events, _ = await collect(stream)
    assert server.audio == SPEECH
    assert finals(events) == [f"{len(SPEECH)} bytes"]


async def test_an_outage_is_ridden_through() -> None:
    dials = 0

    async def refused_nine_times(url: str, endpoint: Endpoint, options: LinkOptions) -> Link:
        nonlocal dials
        dials += 1
        if dials <= 9:
            raise ConnectivityError("refused")
        return await websocket(url, endpoint, options)

    async with scripted(answer_commits) as server:
        patient = LinkOptions(first_delay=0.001, longest_delay=0.02)
        stream = HearStream(server.endpoint, connect=refused_nine_times, link=patient)
        speak(stream)
        await stream.drain(20)
        events, error = await collect(stream)
    assert error is None
    assert server.audio == SPEECH
    assert count(events, Disconnected) == 9


async def test_an_outage_that_outlasts_the_ride_through_is_one_error() -> None:
    nobody = Endpoint(api_key=KEY, base_url="http://127.0.0.1:9")
    stream = HearStream(nobody, link=LinkOptions(ride_through=0.05))
    speak(stream)
    events, error = await collect(stream)
    assert type(error) is ConnectivityError
    assert error.retryable
    assert "127.0.0.1:9" in str(error)
    assert AudioLost(2.0) in events
    assert stream.closed
    with pytest.raises(ConnectivityError, match="closed"):
        stream.send_audio(b"\0\0")
    assert not stream.commit()
    again, same = await collect(stream)
    assert again == []
    assert same is error


@pytest.mark.conforms("H-21")
@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, RequestError), (401, AuthenticationError), (402, BillingError), (403, PermissionDeniedError)],
)
async def test_a_refusal_for_good_is_final_at_once(status: int, kind: type[PyAIError]) -> None:
    body = b'{"error":{"message":"No, pyai_test_canary_0123456789","code":""}}'
    async with scripted(stay, refusals=[(status, {"X-Request-Id": "req_7"}, body)] * 9) as server:
        stream = HearStream(server.endpoint)
        speak(stream)
        _, error = await collect(stream)
        assert type(error) is kind
        assert error.status == status
        assert error.request_id == "req_7"
        assert server.dials == 1
        assert KEY not in str(error) + repr(error)


@pytest.mark.parametrize(
    ("close_code", "kind"), [(1008, AuthenticationError), (4401, AuthenticationError), (4403, PermissionDeniedError)]
)
async def test_a_refusal_after_the_upgrade_is_the_same_error(close_code: int, kind: type[PyAIError]) -> None:
    async with scripted(lambda peer: peer.socket.close(close_code)) as server:
        stream = HearStream(server.endpoint)
        speak(stream)
        _, error = await collect(stream)
    assert type(error) is kind
    assert server.dials == 1


@pytest.mark.conforms("H-22")
@pytest.mark.parametrize("headers", [{}, {"Retry-After-Ms": "150"}], ids=["no word", "as told"])
async def test_a_busy_server_is_asked_again_and_nothing_is_lost(headers: dict[str, str]) -> None:
    async with scripted(answer_commits, refusals=[(429, headers, b"")]) as server:
        stream = HearStream(server.endpoint)
        speak(stream)
        await stream.drain(20)
        events, error = await collect(stream)
    assert error is None
    [lost] = [event for event in events if isinstance(event, Disconnected)]
    assert lost.error.status == 429
    assert lost.error.retry_after == (0.15 if headers else None)
    assert server.audio == SPEECH


async def test_a_commit_that_nobody_answers_costs_one_reconnect_and_then_ends_the_turn() -> None:
    async def mute(peer: Peer) -> None:
        await peer.hear_commit()
        await peer.say(type="partial", text="hello", utterance_id="u", t_ms=900)
        await stay(peer)

    async with scripted(mute) as server:
        stream = HearStream(server.endpoint, link=LinkOptions(commit_answer=0.2))
        speak(stream)
        await stream.drain(20)
        events, error = await collect(stream)
    assert error is None
    assert len(server.peers) == 2
    assert finals(events) == ["hello"]
    assert [event.reason for event in events if isinstance(event, TurnEnded)] == ["no_answer"]


async def test_a_final_that_never_follows_its_speech_final_is_promoted() -> None:
    async def half(peer: Peer) -> None:
        await peer.hear_audio(32000)
        await peer.say(type="speech_final", text="hello", utterance_id="u", t_ms=900, endpoint_reason="endpoint")
        await stay(peer)

    async with scripted(half) as server, HearStream(server.endpoint) as stream:
        speak(stream)
        ended = await until(stream, TurnEnded)
    assert isinstance(ended, TurnEnded)
    assert ended.text == "hello"


async def test_speech_without_any_answer_gives_the_connection_up_once() -> None:
    async with scripted(stay) as server:
        quick = LinkOptions(silence_from_server=0.3, ride_through=30)
        async with HearStream(server.endpoint, link=quick) as stream:
            speak(stream, SPEECH * 2)
            lost = await until(stream, Disconnected)
            assert isinstance(lost, Disconnected)
            assert isinstance(lost.error, StalledError)
            again = await until(stream, Connected)
            assert isinstance(again, Connected)
            assert again.replayed == pytest.approx(4.0)
            with pytest.raises(TimeoutError):  # noise, perhaps: a second connection is not given up for it
                async with asyncio.timeout(1.6):
                    await until(stream, Disconnected)
        assert len(server.peers) == 2


async def test_a_half_open_connection_is_found_by_its_missing_pong() -> None:
    async def freeze(peer: Peer) -> None:
        await peer.hear_audio(32000)
        peer.socket.transport.pause_reading()  # type: ignore[attr-defined] - a transport that can be paused
        await peer.socket.wait_closed()

    async with scripted(freeze, answer_commits) as server:
        stream = HearStream(server.endpoint, link=LinkOptions(ping=0.2))
        speak(stream)
        await stream.drain(20)
        events, error = await collect(stream)
        server.peers[0].abort()
    assert error is None
    assert server.peers[1].audio == SPEECH
    assert finals(events) == [f"{len(SPEECH)} bytes"]


async def test_a_send_without_progress_is_aborted() -> None:
    async def freeze(peer: Peer) -> None:
        peer.socket.transport.pause_reading()  # type: ignore[attr-defined] - a transport that can be paused
        await peer.socket.wait_closed()

    async with scripted(freeze) as server:
        link = await websocket(server.endpoint.websocket_url(STREAM_PATH), server.endpoint, LinkOptions(send_stall=0.2))
        with pytest.raises(StalledError, match="took no data"):
            await link.send(bytes(50_000_000))
        await link.close()


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


async def test_a_setting_that_fits_the_open_connection_is_sent_on_it() -> None:
    async def acknowledge(peer: Peer) -> None:
        while (message := await peer.hear()) is not None:
            if isinstance(message, dict):
                await peer.say(type="config_ack", endpointing_ms=message["endpointing_ms"])

    async with scripted(acknowledge) as server, HearStream(server.endpoint) as stream:
        await until(stream, ConfigAcknowledged)
        stream.update(endpointing_ms=300)
        assert await until(stream, ConfigAcknowledged) == ConfigAcknowledged(300)
        assert len(server.peers) == 1


async def test_any_other_setting_makes_a_new_connection_once_nobody_speaks() -> None:
    async def first(peer: Peer) -> None:
        await peer.hear_audio(32000)
        await peer.say(type="partial", text="hel", utterance_id="u", t_ms=500)
        while (await peer.hear_commit())["type"] != "commit":
            pass
        await peer.final("hello", t_ms=1000)
        await stay(peer)

    async with scripted(first, stay) as server, HearStream(server.endpoint) as stream:
        speak(stream)
        await until(stream, SpeechStarted)
        stream.update(language="de", endpointing_ms=400)
        stream.commit()
        await until(stream, TurnEnded)
        await until(stream, Connected)
        query = server.peers[1].query
    assert (query["language"], query["endpointing_ms"]) == ("de", "400")
    assert "language" not in server.peers[0].query


async def test_a_setting_changed_while_the_connection_is_down_is_not_lost() -> None:
    async with scripted(leave, stay) as server, HearStream(server.endpoint) as stream:
        await until(stream, Disconnected)
        stream.update(vocabulary=("latte",))
        await until(stream, Connected)
        async with asyncio.timeout(10):
            while len(server.peers) < 2 or "vocabulary" not in server.peers[-1].query:
                await until(stream, Connected)


REFUSAL = (400, {}, b'{"error":{"code":"unsupported_language","message":"language: no \'de\'"}}')


async def test_a_change_that_the_service_refuses_is_told_and_taken_back() -> None:
    async with scripted(stay, answer_commits) as server, HearStream(server.endpoint) as stream:
        await until(stream, ConfigAcknowledged)
        server.refusals.append(REFUSAL)
        stream.send_audio(bytes(3200))
        stream.update(language="de")
        told = [await until(stream, Disconnected), await until(stream, Disconnected)]
        assert [event.error.code for event in told] == ["options", "unsupported_language"]
        await until(stream, Connected)
        assert stream.options.language is None and "language" not in server.peers[-1].query
        stream.commit()
        assert (await until(stream, TurnEnded)).text == "3200 bytes"  # no audio is lost by it


async def test_a_refused_change_that_is_corrected_meanwhile_stays_corrected() -> None:
    dialling, corrected = asyncio.Event(), asyncio.Event()

    async def slowly(url: str, endpoint: Endpoint, options: LinkOptions) -> Link:
        if "language=de" in url:
            dialling.set()
            await corrected.wait()
        return await websocket(url, endpoint, options)

    async with scripted(stay, stay) as server, HearStream(server.endpoint, connect=slowly) as stream:
        await until(stream, ConfigAcknowledged)
        server.refusals.append(REFUSAL)
        stream.update(language="de")
        async with asyncio.timeout(10):
            await dialling.wait()
        stream.update(language="en")
        corrected.set()
        await until(stream, Connected)
        assert stream.options.language == server.peers[-1].query["language"] == "en"


async def test_options_that_were_never_taken_are_not_tried_again() -> None:
    async with scripted(stay) as server, HearStream(server.endpoint, HearOptions(language="de")) as stream:
        server.refusals.append(REFUSAL)
        with pytest.raises(RequestError, match="no 'de'"):
            await until(stream, Connected)
        assert server.dials == 1


async def test_wrong_settings_are_refused() -> None:
    stream = HearStream(Endpoint(api_key=KEY, base_url="http://127.0.0.1:9"))
    with pytest.raises(ConfigurationError, match="sample_rate"):
        stream.update(sample_rate=8000)
    with pytest.raises(ConfigurationError, match="endpointing_ms"):
        stream.update(endpointing_ms=1)
    with pytest.raises(UnsupportedError, match="AudioPod does not offer hear_stream"):
        HearStream(Endpoint.audiopod("ap_123456789"))


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
