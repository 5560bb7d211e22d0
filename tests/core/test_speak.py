"""SpeakClient against a scripted server on a real socket: what is asked, what is yielded, and bad input."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyai_voice.errors import ConfigurationError, RequestError
from pyai_voice.options import SpeakOptions
from tests.core.scripted_http import Peer, answering, speaking
from tests.core.speak_support import PCM, SAMPLES, failure, speaker

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
