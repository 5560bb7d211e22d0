"""SpeakClient against a scripted server on a real socket: refusals, a failing network, and content that is no audio."""

from __future__ import annotations

import asyncio
import logging

import pytest

from pyai_voice.errors import (
    AuthenticationError,
    BillingError,
    ConnectivityError,
    ProtocolError,
    PyAIError,
    RateLimitError,
    RequestError,
    ServerError,
    ServiceError,
    StalledError,
)
from pyai_voice.options import SpeakOptions
from pyai_voice.speak import SpeakClient
from tests.core.scripted_http import Peer, answering, hang, hang_up, scripted, speaking
from tests.core.speak_support import PCM, SAMPLES, failure, speaker

# The server refuses


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "unknown_voice", RequestError),
        (400, "unsupported_parameter", RequestError),
        (401, "unauthorized", AuthenticationError),
        (402, "credit_exhausted", BillingError),
        (403, "insufficient_scope", PyAIError),
        (404, "unknown_route", RequestError),
        (429, "daily_cap_exceeded", RateLimitError),
    ],
)
@pytest.mark.conforms("A-10")
async def test_a_refusal_is_one_error_and_never_repeated(status: int, code: str, kind: type[PyAIError]) -> None:
    envelope = {"error": {"message": "No.", "type": "x", "code": code, "param": None}}
    async with speaker(answering(status, envelope, x_request_id="req_9")) as (client, server):
        error = await failure(client)
    assert isinstance(error, kind)
    assert (error.status, error.code, error.request_id) == (status, code, "req_9")
    assert not error.retryable
    assert len(server.requests) == 1


async def test_429_waits_as_told_and_loses_nothing() -> None:
    async with speaker(answering(429, {}, retry_after_ms="300"), speaking(SAMPLES)) as (client, server):
        began = asyncio.get_running_loop().time()
        assert await client.speak("Hello.", PCM) == SAMPLES
        assert asyncio.get_running_loop().time() - began >= 0.3  # at least: a busy machine only makes it longer
    assert len(server.requests) == 2
    assert server.requests[0].body == server.requests[1].body


async def test_a_hold_off_is_shared_by_all_clients_of_a_key() -> None:
    async with scripted(answering(429, {}, retry_after="60"), speaking(SAMPLES)) as server:
        async with SpeakClient(server.endpoint()) as first, SpeakClient(server.endpoint()) as second:
            told = await failure(first)
            held = await failure(second)
        async with SpeakClient(server.endpoint(key="pyai_test_another-key")) as other:
            assert await other.speak("Hello.", PCM) == SAMPLES
    assert told.retry_after == 60
    assert isinstance(held, RateLimitError)
    assert held.retry_after is not None and 30 < held.retry_after <= 60
    assert len(server.requests) == 2


@pytest.mark.conforms("A-09")
async def test_a_wait_beyond_the_window_is_not_slept() -> None:
    async with speaker(answering(503, {}, retry_after="30"), retry_window=5.0) as (client, server):
        async with asyncio.timeout(20):
            error = await failure(client)
    assert isinstance(error, ServerError)
    assert error.retry_after == 30
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_5xx_is_tried_again(status: int) -> None:
    replies = (answering(status, b"oh"), answering(status, b""), speaking(SAMPLES))
    async with speaker(*replies) as (client, server):
        assert await client.speak("Hello.", PCM) == SAMPLES
    assert len(server.requests) == 3


async def test_trying_again_ends_with_the_window() -> None:
    async with speaker(answering(503, b""), retry_window=0.3) as (client, server):
        error = await failure(client)
    assert isinstance(error, ServerError)
    assert server.requests


# The network fails


async def test_a_refused_connection_is_tried_until_the_server_is_up(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = asyncio.Event()
    caplog.set_level(logging.INFO, "pyai_voice.retry")
    trying_again = logging.getLogger("pyai_voice.retry")
    monkeypatch.setattr(trying_again, "filters", [lambda _: refused.set() is None])
    async with scripted(speaking(SAMPLES)) as server:
        endpoint, port = server.endpoint(), server.port
    async with SpeakClient(endpoint, retry_window=30) as client:
        speaking_task = asyncio.create_task(client.speak("Hello.", PCM))
        async with asyncio.timeout(20):
            await refused.wait()
        async with scripted(speaking(SAMPLES), port=port):
            assert await speaking_task == SAMPLES


async def test_nobody_there_is_one_clear_error() -> None:
    async with scripted() as server:
        endpoint = server.endpoint()
    async with SpeakClient(endpoint, retry_window=0.2) as client:
        error = await failure(client)
    assert isinstance(error, ConnectivityError)
    assert "Cannot reach http://127.0.0.1" in str(error)


async def test_a_stall_before_the_first_byte_is_found() -> None:
    async with speaker(hang, first_byte_timeout=0.1) as (client, server):
        error = await failure(client)
    assert isinstance(error, StalledError)
    assert "within 0.1 s" in str(error)
    assert len(server.requests) == 1


async def test_a_head_without_audio_counts_as_a_stall() -> None:
    async def reply(peer: Peer) -> None:
        await peer.head()
        await peer.gone()

    async with speaker(reply, first_byte_timeout=0.1, gap_timeout=60) as (client, server):
        error = await failure(client)
    assert isinstance(error, StalledError)
    assert len(server.requests) == 1


async def test_a_stall_in_the_gap_is_found_and_what_came_was_delivered() -> None:
    async def reply(peer: Peer) -> None:
        await peer.head()
        await peer.chunk(SAMPLES)
        await peer.gone()

    async with speaker(reply, gap_timeout=0.1) as (client, server), client.stream("Hello.", PCM) as speech:
        assert await anext(speech) == SAMPLES
        with pytest.raises(StalledError) as caught:
            await anext(speech)
        with pytest.raises(StopAsyncIteration):
            await anext(speech)
    assert caught.value.request_id == "req_1"
    assert len(server.requests) == 1


async def test_slow_audio_is_no_stall_however_long_it_is() -> None:
    async def reply(peer: Peer) -> None:
        await peer.head()
        for _ in range(12):
            await peer.chunk(SAMPLES)
            await asyncio.sleep(0.1)
        await peer.end()

    async with speaker(reply, first_byte_timeout=1.0, gap_timeout=1.0) as (client, _):
        assert await client.speak("Hello.", PCM) == SAMPLES * 12


async def test_a_slow_listener_is_no_stall() -> None:
    async with speaker(speaking(SAMPLES, SAMPLES), gap_timeout=0.4) as (client, _):
        async with client.stream("Hello.", PCM) as speech:
            first = await anext(speech)
            await asyncio.sleep(0.6)
            assert first + b"".join([pcm async for pcm in speech]) == SAMPLES * 2


async def test_a_slow_listener_slows_the_server_down_and_loses_nothing() -> None:
    sent = asyncio.Event()

    async def reply(peer: Peer) -> None:
        await peer.head()
        for number in range(2000):
            await peer.chunk(bytes([number % 251]) * 16_000)
        await peer.end()
        sent.set()

    async with speaker(reply) as (client, _), client.stream("Hello.", PCM) as speech:
        audio = bytearray(await anext(speech))
        await asyncio.sleep(0.3)  # time in which 32 MB would come if nobody minded
        assert not sent.is_set()
        async for pcm in speech:
            audio += pcm
    assert audio == b"".join(bytes([number % 251]) * 16_000 for number in range(2000))


@pytest.mark.conforms("S-04")
@pytest.mark.parametrize("rate", [24000, 22050])
async def test_a_body_cut_in_mid_sample_is_an_error_and_no_sample_comes_twice(rate: int) -> None:
    async def reply(peer: Peer) -> None:
        await peer.head()
        await peer.chunk(SAMPLES + b"x")
        peer.writer.close()

    heard = b""
    async with speaker(reply) as (client, server):
        with pytest.raises(ConnectivityError) as caught:
            async with client.stream("Hello.", SpeakOptions(sample_rate=rate)) as speech:
                async for pcm in speech:
                    heard += pcm
    assert caught.value.request_id == "req_1"
    assert len(heard) <= len(SAMPLES)
    assert rate != 24000 or heard == SAMPLES
    assert len(server.requests) == 1


async def test_a_hang_up_on_a_new_connection_is_an_error_once() -> None:
    async with speaker(hang_up) as (client, server):
        error = await failure(client)
    assert isinstance(error, ConnectivityError)
    assert len(server.requests) == 1


async def test_a_kept_connection_that_the_server_gave_up_is_dialled_anew() -> None:
    async with speaker(speaking(SAMPLES), hang_up, speaking(SAMPLES)) as (client, server):
        assert await client.speak("One.", PCM) == SAMPLES
        assert await client.speak("Two.", PCM) == SAMPLES
    assert [request.connection for request in server.requests] == [1, 1, 2]


# Content guard


@pytest.mark.parametrize("content_type", ["application/json", "application/problem+json", "audio/pcm"])
async def test_json_in_a_200_becomes_the_error_it_says(content_type: str) -> None:
    body = b'{"error": {"message": "No such voice.", "code": "unknown_voice"}}'
    async with speaker(answering(200, body, content_type, x_request_id="req_3")) as (client, server):
        error = await failure(client)
    assert isinstance(error, RequestError)
    assert (error.code, error.request_id) == ("unknown_voice", "req_3")
    assert len(server.requests) == 1


async def test_a_passing_fault_as_json_in_a_200_is_tried_again() -> None:
    fault = answering(200, {"error": {"code": "upstream_error", "message": "later"}})
    async with speaker(fault, speaking(SAMPLES)) as (client, server):
        assert await client.speak("Hello.", PCM) == SAMPLES
    assert len(server.requests) == 2


async def test_json_in_a_200_in_many_pieces_is_read_whole() -> None:
    pieces = [bytes([byte]) for byte in b'{"error": {"code": "unknown_voice", "message": "No such voice."}}']
    async with speaker(speaking(*pieces)) as (client, _):
        assert (await failure(client)).code == "unknown_voice"


async def test_an_unknown_fault_in_a_200_keeps_its_words() -> None:
    async with speaker(answering(200, {"error": {"message": "The model is asleep."}})) as (client, _):
        error = await failure(client)
    assert type(error) is ServiceError
    assert "asleep" in str(error)


@pytest.mark.parametrize(
    ("body", "content_type", "came"),
    [
        (b"RIFF\x24\x00\x00\x00WAVEfmt " + SAMPLES, "audio/pcm", "audio/wav"),
        (SAMPLES, "audio/wav", "audio/wav"),
        (SAMPLES, "audio/mpeg", "audio/mpeg"),
        (b"OggS" + SAMPLES, "application/octet-stream", "audio/ogg"),
        (b"ID3\x04" + SAMPLES, "", "audio/mpeg"),
        (b"<!DOCTYPE html><html>Hello</html>", "text/html", "text/html"),
        (b"  <html>Hello</html>", "audio/pcm", "a web page"),
        (b"all is well", "text/plain", "text/plain"),
        (b'{"status": "ok"}', "application/json", "JSON"),
        (b"{}", "application/json", "JSON"),
    ],
)
async def test_other_content_is_an_error_not_noise(body: bytes, content_type: str, came: str) -> None:
    async with speaker(answering(200, body, content_type or "x/y")) as (client, server):
        error = await failure(client)
    assert isinstance(error, ProtocolError)
    assert came in str(error)
    assert len(server.requests) == 1


async def test_a_wav_that_is_none_is_an_error() -> None:
    async with speaker(answering(200, SAMPLES, "audio/wav")) as (client, _):
        error = await failure(client, options=SpeakOptions(response_format="wav"))
    assert isinstance(error, ProtocolError)


async def test_pcm_that_looks_a_little_like_json_passes() -> None:
    body = b'{"' + SAMPLES
    async with speaker(speaking(body)) as (client, _):
        assert await client.speak("Hello.", PCM) == body


async def test_audio_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyai_voice.speak.LARGEST_AUDIO", 10_000)
    gone = asyncio.Event()

    async def reply(peer: Peer) -> None:
        await peer.head()
        for _ in range(10):
            await peer.chunk(SAMPLES)
        await peer.gone()
        gone.set()

    async with speaker(reply) as (client, _):
        assert isinstance(await failure(client), ProtocolError)
        async with asyncio.timeout(10):
            await gone.wait()
