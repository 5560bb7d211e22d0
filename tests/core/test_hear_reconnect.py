"""Hear over real sockets, where the connection breaks, stalls or is refused: what is sent again, what is an error."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from pyai_voice.errors import (
    AuthenticationError,
    BillingError,
    ConnectivityError,
    PermissionDeniedError,
    PyAIError,
    RequestError,
    StalledError,
)
from pyai_voice.events import AudioLost, Connected, Disconnected, SpeechStarted, TurnEnded
from pyai_voice.hear import HearStream
from pyai_voice.link import Link, websocket
from pyai_voice.options import Endpoint, LinkOptions
from pyai_voice.protocol.hear.wire import STREAM_PATH
from tests.core.hear_stream_support import SPEECH, after, collect, count, finals, speak, until
from tests.core.scripted import KEY, Peer, answer_commits, scripted, stay


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
