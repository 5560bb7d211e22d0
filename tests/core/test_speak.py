"""SpeakClient against a scripted server on a real socket: the good way, and every fault."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyai_voice.errors import (
    AuthenticationError,
    BillingError,
    ConfigurationError,
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
from tests.core.scripted_http import Peer, Reply, Scripted, answering, hang, hang_up, scripted, speaking

SAMPLES = bytes(range(1, 201)) * 20  # 2000 samples
PCM = SpeakOptions(voice="stock_emma_en_gb")


@asynccontextmanager
async def speaker(*replies: Reply, **options: Any) -> AsyncIterator[tuple[SpeakClient, Scripted]]:
    async with scripted(*replies) as server, SpeakClient(server.endpoint(), **options) as client:
        yield client, server


async def failure(client: SpeakClient, text: str = "Hello.", options: SpeakOptions = PCM) -> PyAIError:
    with pytest.raises(PyAIError) as caught:
        await client.speak(text, options)
    return caught.value


# What is asked


@pytest.mark.conforms("S-01")
async def test_a_request_says_the_format_and_nothing_that_was_not_set() -> None:
    async with speaker(speaking(SAMPLES)) as (client, server):
        await client.speak("Hello.", SpeakOptions())
    request = server.requests[0]
    assert (request.method, request.target) == ("POST", "/v1/audio/speech")
    assert request.json == {
        "model": "pyai-speak",
        "input": "Hello.",
        "response_format": "pcm",
        "sample_rate": 24000,
    }
    assert request.headers["accept-encoding"] == "identity"


@pytest.mark.conforms("S-01")
async def test_what_was_set_is_sent() -> None:
    options = SpeakOptions(voice="v", speed=1.5, seed=7, temperature=0.5, model="tts-1", response_format="mp3")
    async with speaker(speaking(b"ID3\x04" + SAMPLES, content_type="audio/mpeg")) as (client, server):
        await client.speak("Grüße \ud83d\ude00 \ud800", options)
    body = server.requests[0].json
    assert body.pop("input").startswith("Grüße")
    assert body == {
        "model": "tts-1",
        "response_format": "mp3",
        "voice": "v",
        "speed": 1.5,
        "seed": 7,
        "temperature": 0.5,
    }


@pytest.mark.parametrize("response_format", ["g711_ulaw", "g711_alaw"])
async def test_telephone_formats_never_send_a_rate(response_format: Any) -> None:
    async with speaker(speaking(SAMPLES, content_type="audio/basic")) as (client, server):
        async with client.stream("Hello.", SpeakOptions(response_format=response_format)) as speech:
            audio = b"".join([chunk async for chunk in speech])
    assert audio == SAMPLES
    assert speech.sample_rate == 8000
    assert "sample_rate" not in server.requests[0].json


@pytest.mark.parametrize(
    ("response_format", "content_type", "mark"),
    [
        ("wav", "audio/wav", b"RIFF"),
        ("wav", "audio/x-wav", b"RIFF"),
        ("mp3", "audio/mpeg", b"\xff\xfb\x90\x00"),
        ("opus", "audio/ogg", b"OggS"),
        ("aac", "audio/aac", b"\xff\xf1\x50\x80"),
        ("flac", "audio/flac", b"fLaC"),
        ("pcm", "application/octet-stream", b"\x01\x00\x02\x00"),
    ],
)
async def test_every_format_passes_untouched(response_format: Any, content_type: str, mark: bytes) -> None:
    body = mark + SAMPLES + (b"!" if response_format != "pcm" else b"")
    async with speaker(speaking(body[:3], body[3:], content_type=content_type)) as (client, _):
        assert await client.speak("Hello.", SpeakOptions(response_format=response_format)) == body


# What is yielded


@pytest.mark.conforms("S-03")
@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(1, len(SAMPLES) - 1), max_size=12, unique=True))
def test_any_chunking_gives_the_same_whole_samples(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(SAMPLES)]
    chunks = [SAMPLES[start:end] for start, end in zip(edges, edges[1:], strict=False)]

    async def collect() -> list[bytes]:
        async with speaker(speaking(*chunks)) as (client, _), client.stream("Hello.", PCM) as speech:
            return [pcm async for pcm in speech]

    pieces = asyncio.run(collect())
    assert b"".join(pieces) == SAMPLES
    assert all(piece and len(piece) % 2 == 0 for piece in pieces)


@pytest.mark.conforms("S-02")
async def test_the_first_audio_comes_before_the_end() -> None:
    heard = asyncio.Event()

    async def reply(peer: Peer) -> None:
        await peer.head()
        await peer.chunk(SAMPLES)
        await heard.wait()
        await peer.chunk(SAMPLES)
        await peer.end()

    async with speaker(reply) as (client, _), client.stream("Hello.", PCM) as speech:
        assert await anext(speech) == SAMPLES
        heard.set()
        assert await anext(speech) == SAMPLES
        with pytest.raises(StopAsyncIteration):
            await anext(speech)
        with pytest.raises(StopAsyncIteration):
            await anext(speech)
    assert speech.request_id == "req_1"
    assert (speech.format, speech.sample_rate) == ("pcm", 24000)


@pytest.mark.conforms("S-07")
async def test_an_empty_answer_is_success_without_audio() -> None:
    async with speaker(answering(200, b"")) as (client, _):
        assert await client.speak("...", PCM) == b""


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
async def test_native_rates_are_asked_for_and_passed_through(rate: int) -> None:
    async with speaker(speaking(SAMPLES)) as (client, server):
        assert await client.speak("Hello.", SpeakOptions(sample_rate=rate)) == SAMPLES
    assert server.requests[0].json["sample_rate"] == rate


@pytest.mark.parametrize(("wanted", "asked"), [(8001, 16000), (11025, 16000), (22050, 24000), (44100, 48000)])
async def test_other_rates_are_resampled_from_the_next_higher(wanted: int, asked: int) -> None:
    async with speaker(speaking(SAMPLES[:999], SAMPLES[999:])) as (client, server):
        async with client.stream("Hello.", SpeakOptions(sample_rate=wanted)) as speech:
            audio = b"".join([pcm async for pcm in speech])
    assert server.requests[0].json["sample_rate"] == asked
    assert speech.sample_rate == wanted
    assert abs(len(audio) // 2 - len(SAMPLES) // 2 * wanted / asked) <= 1


async def test_a_server_that_sends_another_rate_is_resampled() -> None:
    async with speaker(speaking(SAMPLES, x_pyai_sample_rate="48000")) as (client, _):
        audio = await client.speak("Hello.", SpeakOptions(sample_rate=24000))
    assert abs(len(audio) - len(SAMPLES) // 2) <= 2


@pytest.mark.parametrize("said", ["0", "99999", "fast", "9" * 6000])
async def test_a_nonsense_rate_of_the_server_is_ignored(said: str) -> None:
    async with speaker(speaking(SAMPLES, x_pyai_sample_rate=said)) as (client, _):
        assert await client.speak("Hello.", PCM) == SAMPLES


async def test_a_wav_in_any_rate_is_made_of_resampled_pcm() -> None:
    async with speaker(speaking(SAMPLES)) as (client, server):
        wav = await client.speak("Hello.", SpeakOptions(response_format="wav", sample_rate=22050))
    assert wav[:4] == b"RIFF"
    assert int.from_bytes(wav[24:28], "little") == 22050
    assert server.requests[0].json["response_format"] == "pcm"


async def test_half_a_sample_at_the_end_is_dropped_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    async with speaker(speaking(SAMPLES + b"x")) as (client, _):
        with caplog.at_level(logging.WARNING, "pyai_voice"):
            assert await client.speak("Hello.", PCM) == SAMPLES
    assert "middle of a sample" in caplog.text


# Bad input


@pytest.mark.parametrize("text", ["", "   \n"])
async def test_empty_text_is_refused_before_anything_is_sent(text: str) -> None:
    async with speaker(speaking(SAMPLES)) as (client, server):
        error = await failure(client, text)
    assert isinstance(error, ConfigurationError)
    assert str(error).startswith("text: ")
    assert not server.requests


async def test_a_wav_stream_in_a_rate_that_nobody_has_is_refused() -> None:
    async with speaker(speaking(SAMPLES)) as (client, server):
        with pytest.raises(ConfigurationError, match="sample_rate: PyAI streams wav at 8000, 16000, 24000, 48000"):
            async with client.stream("Hello.", SpeakOptions(response_format="wav", sample_rate=44100)):
                pass
    assert not server.requests


async def test_a_long_text_is_sent_and_the_servers_refusal_is_clear() -> None:
    refusal = {"error": {"code": "payload_too_large", "message": "input: at most 4096 characters"}}
    async with speaker(answering(413, refusal)) as (client, server):
        error = await failure(client, "long words " * 9_200)
    assert isinstance(error, RequestError)
    assert "input: at most 4096 characters" in str(error)
    assert error.hint
    assert len(server.requests[0].json["input"]) > 100_000


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


async def test_a_refused_connection_is_tried_until_the_server_is_up() -> None:
    async with scripted(speaking(SAMPLES)) as server:
        endpoint, port = server.endpoint(), server.port
    async with SpeakClient(endpoint, retry_window=30) as client:
        speaking_task = asyncio.create_task(client.speak("Hello.", PCM))
        await asyncio.sleep(0.3)  # the first dials are refused meanwhile
        assert not speaking_task.done()
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


# Leaving early


async def _endless(peer: Peer, gone: asyncio.Event) -> None:
    await peer.head()
    await peer.chunk(SAMPLES)
    await peer.gone()
    gone.set()


@pytest.mark.conforms("S-04")
@pytest.mark.parametrize("way", ["cancel", "leave", "aclose", "client"])
async def test_leaving_early_is_seen_by_the_server_at_once(way: str) -> None:
    gone, started = asyncio.Event(), asyncio.Event()

    async with speaker(lambda peer: _endless(peer, gone), gap_timeout=60) as (client, _):

        async def listen() -> int:
            async with client.stream("Hello.", PCM) as speech:
                count = 0
                async for _ in speech:
                    count += 1
                    started.set()
                    if way == "leave":
                        break
                    if way == "aclose":
                        asyncio.get_running_loop().call_soon(
                            lambda: closing.append(asyncio.ensure_future(speech.aclose()))
                        )
                return count

        closing: list[asyncio.Future[None]] = []
        task = asyncio.create_task(listen())
        async with asyncio.timeout(10):
            await started.wait()
            if way == "cancel":
                task.cancel()
            if way == "client":
                await asyncio.sleep(0.05)
                await client.aclose()
            await gone.wait()
            result = (await asyncio.gather(task, return_exceptions=True))[0]
            await asyncio.gather(*closing)
    if way == "cancel":
        assert isinstance(result, asyncio.CancelledError)
    elif way == "client":
        assert isinstance(result, ConnectivityError)
    else:
        assert result == 1


async def test_cancelling_before_the_first_byte_is_seen_too() -> None:
    gone, asked = asyncio.Event(), asyncio.Event()

    async def reply(peer: Peer) -> None:
        asked.set()
        await peer.gone()
        gone.set()

    async with speaker(reply, first_byte_timeout=60) as (client, _):
        task = asyncio.create_task(client.speak("Hello.", PCM))
        async with asyncio.timeout(10):
            await asked.wait()
            task.cancel()
            await gone.wait()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_client_that_is_closed_says_so() -> None:
    async with speaker(speaking(SAMPLES)) as (client, _):
        await client.aclose()
        await client.aclose()
        with pytest.raises(ConfigurationError, match="closed"):
            await client.speak("Hello.", PCM)


async def test_no_task_or_connection_is_left_behind() -> None:
    async with scripted(speaking(SAMPLES, SAMPLES)) as server:
        before = len(asyncio.all_tasks())
        for _ in range(50):
            async with SpeakClient(server.endpoint()) as client, client.stream("Hello.", PCM) as speech:
                await anext(speech)
        async with asyncio.timeout(10):  # generators that were left early are closed by tasks of the event loop
            while len(asyncio.all_tasks()) > before:
                await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})


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


# Warm connections


async def test_a_second_request_uses_the_connection_of_the_first() -> None:
    async with speaker(answering(200, {"data": []}), speaking(SAMPLES)) as (client, server):
        assert await client.prewarm()
        await client.speak("One.", PCM)
        await client.speak("Two.", PCM)
    assert server.connections == 1
    assert server.requests[0].method == "GET"


@pytest.mark.parametrize("status", [401, 404, 500])
async def test_prewarming_does_not_mind_a_refusal(status: int) -> None:
    async with speaker(answering(status, {}), speaking(SAMPLES)) as (client, server):
        assert await client.prewarm()
        await client.speak("One.", PCM)
    assert server.connections == 1


async def test_prewarming_nobody_says_so() -> None:
    async with scripted() as server:
        endpoint = server.endpoint()
    async with SpeakClient(endpoint) as client:
        assert not await client.prewarm()
