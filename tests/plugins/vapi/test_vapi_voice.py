"""Custom voice over real sockets: the samples, their rates and pieces; what is refused; who hangs up."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyai_voice.audio import resample
from pyai_voice.backoff import HOLD_OFF
from pyai_voice.options import SpeakOptions
from pyai_voice.server.settings import Settings
from pyai_voice.speak import SpeakClient
from pyai_voice.testing import spoken
from pyai_voice.testing.faults import (
    Abort,
    EmptyBody,
    Hang,
    HangUp,
    JsonIn200,
    Refuse,
    SlowBody,
    SpeakFault,
    WavHeaderWhenPcm,
)
from tests.core.scripted_http import Peer
from tests.plugins.vapi.vapi_house import SECRET, TEXT, Lines, house, over
from vapi_pyai import VapiOptions

RATES = (8000, 16000, 22050, 24000, 44100)
SOURCES = {22050: 24000, 44100: 48000}
"""Rates that Speak does not have, and what they are made of."""


async def test_the_body_is_bare_pcm_of_the_rate_that_was_asked_for(log: Lines) -> None:
    async with house() as there:
        response = await there.say(rate=24000)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.content == spoken(TEXT)
    assert there.pyai.requests[0].fields["response_format"] == "pcm"
    (line,) = log.lines
    assert line.startswith(f"voice 200, {len(spoken(TEXT))} bytes, first after ")


async def test_a_rate_is_asked_of_speak_where_it_has_it_and_resampled_where_not() -> None:
    async with house() as there, SpeakClient(there.pyai.endpoint) as speak:
        for rate in RATES:
            response = await there.say(rate=rate)
            source = SOURCES.get(rate, rate)
            assert there.pyai.requests[-1].fields["sample_rate"] == source
            own = await speak.speak(TEXT, SpeakOptions(sample_rate=source))
            assert response.content == (own if source == rate else resample(own, source, rate))
            assert len(response.content) == 2 * round(len(spoken(TEXT)) // 2 * rate / 24000)


Run = Callable[[Coroutine[Any, Any, Any]], Any]


@dataclass
class Cut:
    """A Speak that sends certain audio in chunks of one size."""

    http: httpx.AsyncClient | None = None
    run: Run | None = None
    pcm: bytes = b""
    size: int = 1

    async def speak(self, peer: Peer) -> None:
        await peer.head()
        for start in range(0, len(self.pcm), self.size):
            await peer.chunk(self.pcm[start : start + self.size])
        await peer.end()


@pytest.fixture(scope="module")
def cut() -> Iterator[Cut]:
    """One application for many examples, in an event loop of its own."""
    with asyncio.Runner() as runner:
        stack, cut = AsyncExitStack(), Cut(run=runner.run)
        cut.http = runner.run(stack.enter_async_context(over(cut.speak)))
        try:
            yield cut
        finally:
            runner.run(stack.aclose())


@settings(max_examples=60)
@given(
    rate=st.sampled_from(RATES),
    size=st.one_of(st.integers(1, 64), st.integers(65, 65536), st.sampled_from((1, 2, 3, 65535, 65536))),
    chunks=st.integers(1, 4),
    seed=st.integers(0, 9),
)
def test_whatever_chunks_speak_sends_the_samples_are_the_same(
    cut: Cut, rate: int, size: int, chunks: int, seed: int
) -> None:
    assert cut.run
    assert cut.http
    samples = 150 + size * chunks // 2
    cut.size, cut.pcm = size, random.Random(seed).randbytes(2 * samples)
    answer = cut.run(cut.http.post("/voice", json=speech(rate=rate)))
    source = SOURCES.get(rate, rate)
    assert answer.content == (cut.pcm if source == rate else resample(cut.pcm, source, rate))


async def test_the_first_twenty_milliseconds_leave_before_the_rest_is_there() -> None:
    async with house(speak=[SlowBody(size=960, gap=0.05)]) as there:
        body = {"json": {"message": {"type": "voice-request", "text": TEXT, "sampleRate": 24000}}}
        async with there.http.stream("POST", "/voice", **body) as response:
            first = await anext(response.aiter_raw())
            assert there.pyai.requests[0].sent < len(spoken(TEXT))
            assert there.pyai.requests[0].open
            assert len(first) % 2 == 0
            assert 960 <= len(first) <= 2 * 960
            assert spoken(TEXT).startswith(first)


async def test_audio_that_comes_in_real_time_is_passed_on_piece_by_piece() -> None:
    piece, arrived = bytes(range(240)) * 4, asyncio.Semaphore(0)

    async def live(peer: Peer) -> None:
        await peer.head()
        for _ in range(12):
            await asyncio.sleep(0.02)  # as long as the piece lasts
            await peer.chunk(piece)
            await arrived.acquire()  # a piece that was held back would never come
        await peer.end()

    async with over(live) as http, asyncio.timeout(20):
        async with http.stream("POST", "/voice", json=speech()) as response:
            heard = bytearray()
            async for part in response.aiter_raw():
                heard += part
                arrived.release()
    assert bytes(heard) == 12 * piece


async def test_audio_that_is_far_ahead_goes_in_larger_pieces(log: Lines) -> None:
    async def at_once(peer: Peer) -> None:
        await peer.head()
        for _ in range(500):  # ten seconds
            await peer.chunk(bytes(960))
        await peer.end()

    async with over(at_once) as http:
        sizes = await chunk_sizes(http)
    assert sum(sizes) == 500 * 960
    assert sizes[0] == 960
    assert max(sizes) <= 24960  # half a second, and what came with its end
    assert len(sizes) < 250


async def chunk_sizes(http: httpx.AsyncClient) -> list[int]:
    """Ask on a bare socket; return how large the chunks of the answer are."""
    body = json.dumps(speech()).encode()
    head = f"POST /voice HTTP/1.1\r\nHost: vapi\r\nX-Vapi-Secret: {SECRET}\r\nContent-Length: {len(body)}\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", http.base_url.port)
    writer.write(head.encode() + body)
    await reader.readuntil(b"\r\n\r\n")
    sizes: list[int] = []
    while size := int(await reader.readline(), 16):
        await reader.readexactly(size + 2)
        sizes.append(size)
    writer.close()
    return sizes


VOICES: list[tuple[dict[str, Any], str, str]] = [
    ({}, "", "stock_ramp"),
    ({"voiceId": "stock_slope"}, "", "stock_slope"),
    ({"assistant": {"voice": {"voiceId": "alloy", "provider": "custom-voice"}}}, "", "alloy"),
    ({"assistant": {"voice": {"voiceId": "alloy"}}}, "?voice=nova", "nova"),
    ({"assistant": ["odd"], "voiceId": 7, "call": "odd"}, "", "stock_ramp"),
]


async def test_the_voice_is_the_addresss_the_assistants_or_ours() -> None:
    async with house(VapiOptions(speak=SpeakOptions(voice="stock_ramp"))) as there:
        for more, query, voice in VOICES:
            body = {"message": {"type": "voice-request", "text": TEXT, "sampleRate": 8000, **more}}
            assert (await there.http.post(f"/voice{query}", json=body)).status_code == 200
            assert there.pyai.requests[-1].fields["voice"] == voice


REFUSALS: list[tuple[SpeakFault, int, str | None]] = [
    (Refuse(402, "credit_exhausted"), 503, "60"),
    (Refuse(429, "rate_limit_exceeded", retry_after=7), 503, "7"),
    (Refuse(429, "daily_cap_exceeded"), 503, "60"),
    (Refuse(401, "unauthorized"), 502, None),
    (Refuse(403, "forbidden"), 502, None),
    (Refuse(400, "unknown_voice"), 400, None),
    (Refuse(404, "unknown_route"), 404, None),
    (Refuse(503, "upstream_error", retry_after=9), 502, "9"),
    (JsonIn200(), 502, "1"),
    (WavHeaderWhenPcm(), 502, None),
    (Refuse(200, body=b"<html>", headers={"content-type": "text/html"}), 502, None),
]


async def test_what_speak_refuses_is_said_in_a_status_of_ours(log: Lines) -> None:
    async with house(VapiOptions(first_audio=1.0)) as there:
        for fault, status, after in REFUSALS:
            there.pyai.speak.extend([fault] * 12)
            log.lines.clear()
            response = await there.say()
            assert (response.status_code, response.headers.get("retry-after")) == (status, after), fault
            assert response.json()["error"]["message"].startswith("PyAI: ")
            (line,) = log.lines
            assert line.startswith(f"voice {status}")
            assert there.pyai.api_key not in line + response.text
            there.pyai.speak.clear()
            HOLD_OFF.__init__()  # what one refusal asks for is not asked by the next


@pytest.mark.parametrize(("fault", "status"), [(Refuse(500), 502), (HangUp(), 502), (Hang(), 504)])
async def test_speak_that_fails_or_says_nothing_is_given_up_long_before_vapi_gives_up(
    fault: SpeakFault, status: int
) -> None:
    async with house(VapiOptions(first_audio=0.6), speak=[fault] * 200) as there:
        response = await there.say()
        assert (response.status_code, response.headers["retry-after"]) == (status, "1")
        await there.pyai.until(lambda: not any(each.open for each in there.pyai.requests))


async def test_what_vapi_says_it_waits_is_enough_reason_to_be_faster() -> None:
    server = {"url": "https://vapi.example/voice", "timeoutSeconds": 0.5}
    async with house(speak=[Hang()] * 9) as there:
        response = await there.say(assistant={"voice": {"provider": "custom-voice", "server": server}})
    assert response.status_code == 504
    assert "0.4 s" in response.json()["error"]["message"]


async def test_a_fault_that_passes_is_not_heard() -> None:
    async with house(speak=[Refuse(503, "upstream_error"), HangUp()]) as there:
        response = await there.say()
    assert (response.status_code, response.content) == (200, spoken(TEXT))


async def test_no_audio_is_an_empty_answer() -> None:
    async with house(speak=[EmptyBody()]) as there:
        response = await there.say()
    assert (response.status_code, response.content) == (200, b"")


async def test_audio_that_breaks_off_is_not_taken_for_a_whole_one(log: Lines) -> None:
    heard = bytearray()
    async with house(speak=[Abort(after_bytes=4800)]) as there:
        with pytest.raises(httpx.RemoteProtocolError):
            async with there.http.stream("POST", "/voice", json=speech()) as response:
                async for piece in response.aiter_raw():
                    heard += piece
    assert spoken(TEXT).startswith(bytes(heard))
    assert len(heard) <= 4800
    (line,) = log.lines
    assert line.startswith("voice 599")


async def test_speak_is_cancelled_the_moment_vapi_hangs_up(log: Lines) -> None:
    async with house(speak=[SlowBody(size=960, gap=0.02)]) as there:
        async with there.http.stream("POST", "/voice", json=speech("A long sentence. " * 20)) as response:
            await anext(response.aiter_raw())
        await there.pyai.until(lambda: not there.pyai.requests[0].open)
        whole = len(spoken("A long sentence. " * 20))
        assert there.pyai.requests[0].sent < whole / 2
    (line,) = log.lines
    assert line.startswith("voice 499")


async def test_vapi_that_hangs_up_before_the_first_audio_leaves_nothing_running(log: Lines) -> None:
    async with house(speak=[Hang()]) as there:
        asking = asyncio.create_task(there.say())
        await there.pyai.until(lambda: there.pyai.requests)
        asking.cancel()
        await asyncio.wait([asking])
        await there.pyai.until(lambda: not there.pyai.requests[0].open)
    (line,) = log.lines
    assert line.startswith("voice 499")


async def test_vapi_that_does_not_read_is_given_up_and_speak_with_it(log: Lines) -> None:
    async with house(VapiOptions(stall=0.3)) as there:
        body = json.dumps(speech("A long sentence. " * 240)).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(there.url).port, limit=1024)
        head = f"POST /voice HTTP/1.1\r\nHost: vapi\r\nX-Vapi-Secret: {SECRET}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await there.pyai.until(lambda: there.pyai.requests and not there.pyai.requests[0].open)
        assert reader
        writer.transport.abort()
    (line,) = log.lines
    assert line.startswith("voice 499")


async def test_fifty_calls_at_once_get_every_sample_once() -> None:
    async with house(settings=Settings(max_requests=50)) as there, asyncio.timeout(40):
        for turn in range(3):
            texts = [f"Call number {number} says this in turn {turn}." for number in range(50)]
            answers = await asyncio.gather(*(there.say(text, 16000) for text in texts))
            assert [each.content for each in answers] == [resample(spoken(text), 24000, 16000) for text in texts]
        assert not any(each.open for each in there.pyai.requests)


def speech(text: str = TEXT, rate: int = 24000) -> dict[str, Any]:
    return {"message": {"type": "voice-request", "text": text, "sampleRate": rate}}
