"""SpeakClient and Client against the local server: both sides follow the same protocol."""

from __future__ import annotations

import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pytest

from pyai_voice import Client, Endpoint, SpeakClient, SpeakOptions
from pyai_voice.errors import AuthenticationError, ConfigurationError, RequestError
from pyai_voice.server.serving import running
from tests.server.fakes import fake_engines, tone

TEXT = "one flat white"
SECONDS = 1.2
"""The fake voice says 0.1 s for each letter."""


@dataclass
class Clients:
    endpoint: Endpoint
    speak: SpeakClient
    rest: Client


@pytest.fixture
async def local() -> AsyncIterator[Clients]:
    engines = fake_engines()
    async with running(engines) as server:
        endpoint = Endpoint(api_key=server.api_key, base_url=server.base_url)
        async with Client(endpoint) as client:
            yield Clients(endpoint, client.speaker(), client)
    await engines.aclose()


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 24000, 44100, 48000])
async def test_every_rate_lasts_as_long(local: Clients, rate: int) -> None:
    async with local.speak.stream(TEXT, SpeakOptions(sample_rate=rate)) as speech:
        pcm = b"".join([chunk async for chunk in speech])
    assert speech.sample_rate == rate
    assert speech.request_id
    assert len(pcm) / 2 / rate == pytest.approx(SECONDS, abs=0.01)


@pytest.mark.parametrize("response_format", ["wav", "mp3", "opus", "aac", "flac", "g711_ulaw", "g711_alaw"])
async def test_every_format_comes_as_what_it_is(local: Clients, response_format: Any) -> None:
    audio = await local.speak.speak(TEXT, SpeakOptions(response_format=response_format))
    if response_format.startswith("g711"):
        assert len(audio) == pytest.approx(8000 * SECONDS, abs=80)
    else:
        assert len(audio) > 1000
    if response_format == "wav":
        with wave.open(BytesIO(audio)) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24000, 1, 2)


async def test_one_connection_serves_many_sentences(local: Clients) -> None:
    assert await local.speak.prewarm()
    for _ in range(3):
        assert await local.speak.speak(TEXT)


async def test_what_was_spoken_is_heard(local: Clients) -> None:
    pcm = await local.speak.speak(TEXT, SpeakOptions(sample_rate=16000))
    heard = await local.rest.audio.transcribe(pcm, rate=16000, response_format="verbose_json")
    assert heard.text == "w1 w2 w3 w4 w5 w6."
    assert heard.duration == pytest.approx(SECONDS, abs=0.05)
    assert heard.segments
    assert heard.request_id


@pytest.mark.parametrize(
    ("response_format", "begin"), [("json", "w1"), ("text", "w1"), ("srt", "1\n"), ("vtt", "WEBVTT")]
)
async def test_every_kind_of_transcription_comes_back(local: Clients, response_format: Any, begin: str) -> None:
    heard = await local.rest.audio.transcribe(tone(0.4), rate=16000, response_format=response_format)
    assert heard.text.startswith(begin)


async def test_a_translation_of_english_is_english(local: Clients) -> None:
    assert (await local.rest.audio.translate(tone(0.4), rate=16000)).text == "w1 w2."


async def test_the_catalogues_fit(local: Clients) -> None:
    voices = [voice async for voice in local.rest.voices.list()]
    assert await local.rest.voices.get(voices[0].voice_id) == voices[0]
    assert {"pyai-hear", "pyai-speak"} <= {model.id async for model in local.rest.models.list()}
    assert (await local.rest.me()).environment == "test"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (SpeakOptions(voice="nobody"), "unknown_voice"),
        (SpeakOptions(model="nothing"), "unknown_model"),
        (SpeakOptions(speed=4.0), "unsupported_parameter"),
    ],
)
async def test_what_the_server_refuses_is_named(local: Clients, options: SpeakOptions, code: str) -> None:
    with pytest.raises(RequestError) as caught:
        await local.speak.speak(TEXT, options)
    assert caught.value.code == code
    assert caught.value.request_id


async def test_much_text_and_no_text_are_clear_errors(local: Clients) -> None:
    with pytest.raises(RequestError, match="input: "):
        await local.speak.speak("word " * 20_000)
    with pytest.raises(ConfigurationError, match="text: "):
        await local.speak.speak(" ")


async def test_an_unknown_id_and_a_wrong_key_are_refused(local: Clients) -> None:
    with pytest.raises(RequestError):
        await local.rest.voices.get("nobody")
    async with SpeakClient(local.endpoint.replace(api_key="pyai_test_wrong-key-0000")) as stranger:
        with pytest.raises(AuthenticationError):
            await stranger.speak(TEXT)
