"""AudioPod: the same clients against a server that follows its page "OpenAI Compatibility"."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pyai_voice.audio import AudioFormat, read_wav, wav_bytes
from pyai_voice.client import Client
from pyai_voice.errors import AuthenticationError, RequestError, UnsupportedError
from pyai_voice.hear import HearStream
from pyai_voice.options import Endpoint, HearOptions, SpeakOptions
from pyai_voice.provider import AUDIOPOD
from pyai_voice.speak import SpeakClient
from tests.core.scripted_http import Peer, Scripted, answering, scripted, speaking
from tests.core.test_rest import fields

KEY = "ap_0123456789abcdef"
PCM = bytes(range(1, 201)) * 24
WAV = wav_bytes(PCM, AudioFormat(24000))


async def audiopod(peer: Peer) -> None:
    """Answer as AudioPod does: errors without a code, 24 kHz pcm, the model ignored."""
    if KEY not in (peer.headers.get("authorization", "").removeprefix("Bearer "), peer.headers.get("x-api-key")):
        await answering(401, {"error": {"message": "Invalid API key", "type": "invalid_request_error", "param": None}})(
            peer
        )
    elif peer.target == "/api/v1/audio/speech":
        await _speech(peer)
    elif peer.target in ("/api/v1/audio/transcriptions", "/api/v1/audio/translations"):
        await answering(200, {"text": "Hola." if peer.target.endswith("transcriptions") else "Hello."})(peer)
    elif peer.target == "/api/v1/voice/voice-profiles":
        await answering(200, [{"id": 7, "name": "nova"}])(peer)
    else:
        await answering(404, {"detail": "Not Found"})(peer)


async def _speech(peer: Peer) -> None:
    body = peer.json
    if body["voice"] == "nobody":
        fault = {"message": "Unknown voice 'nobody'", "type": "invalid_request_error", "param": "voice"}
        await answering(400, {"error": fault})(peer)
    elif body["response_format"] == "wav":
        await answering(200, WAV, "audio/wav")(peer)
    else:
        await speaking(PCM[:333], PCM[333:])(peer)


@asynccontextmanager
async def service(key: str = KEY) -> AsyncIterator[tuple[Scripted, Endpoint]]:
    async with scripted(audiopod) as server:
        yield server, Endpoint.audiopod(key, f"http://127.0.0.1:{server.port}/api/v1")


async def test_speech_comes_at_24_khz_without_a_rate_being_sent() -> None:
    async with service() as (server, endpoint), SpeakClient(endpoint) as client:
        assert await client.speak("Hello.", SpeakOptions(voice="nova", speed=1.1)) == PCM
    body = server.requests[0].json
    assert body == {
        "model": "pyai-speak",
        "input": "Hello.",
        "response_format": "pcm",
        "voice": "nova",
        "speed": 1.1,
    }


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
async def test_any_other_rate_is_resampled(rate: int) -> None:
    async with service() as (_, endpoint), SpeakClient(endpoint) as client:
        async with client.stream("Hello.", SpeakOptions(voice="nova", sample_rate=rate)) as speech:
            pcm = b"".join([chunk async for chunk in speech])
    assert speech.sample_rate == rate
    assert abs(len(pcm) / 2 - len(PCM) / 2 * rate / 24000) <= 1


async def test_a_wav_comes_as_it_is_and_in_another_rate_too() -> None:
    async with service() as (_, endpoint), SpeakClient(endpoint) as client:
        assert await client.speak("Hello.", SpeakOptions(voice="nova", response_format="wav")) == WAV
        wav = await client.speak("Hello.", SpeakOptions(voice="nova", response_format="wav", sample_rate=8000))
    assert read_wav(wav)[1].rate == 8000


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (SpeakOptions(response_format="g711_ulaw"), "response_format: AudioPod does not offer g711_ulaw"),
        (SpeakOptions(seed=1), "seed: AudioPod does not offer this"),
        (SpeakOptions(temperature=1), "temperature: AudioPod does not offer this"),
    ],
)
async def test_what_speech_lacks_is_named_before_anything_is_sent(options: SpeakOptions, said: str) -> None:
    async with service() as (server, endpoint), SpeakClient(endpoint) as client:
        with pytest.raises(UnsupportedError, match=said):
            await client.speak("Hello.", options)
    assert not server.requests


async def test_recordings_are_transcribed_and_translated() -> None:
    async with service() as (server, endpoint), Client(endpoint) as client:
        assert (await client.audio.transcribe(WAV, HearOptions(language="es"), prompt="Un café")).text == "Hola."
        assert (await client.audio.translate(WAV, prompt="coffee")).text == "Hello."
    assert fields(server.requests[0]) == {
        "model": "pyai-hear",
        "response_format": "json",
        "language": "es",
        "prompt": "Un café",
    }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (HearOptions(vocabulary=("PyAI",)), "vocabulary: AudioPod"),
        (HearOptions(numerals=True, dictation=False), "dictation, numerals: AudioPod"),
    ],
)
async def test_what_a_transcription_lacks_is_named(options: HearOptions, said: str) -> None:
    async with service() as (server, endpoint), Client(endpoint) as client:
        with pytest.raises(UnsupportedError, match=said):
            await client.audio.transcribe(WAV, options)
    assert not server.requests


async def test_voices_have_their_own_address() -> None:
    async with service() as (_, endpoint), Client(endpoint) as client:
        assert [(voice.voice_id, voice.name) async for voice in client.voices.list()] == [("7", "nova")]
        for call in (client.models.list().__anext__, client.me, lambda: client.voices.get("7")):
            with pytest.raises(UnsupportedError, match="AudioPod does not offer"):
                await call()


async def test_hearing_a_stream_is_refused_by_name() -> None:
    async with service() as (server, endpoint):
        with pytest.raises(UnsupportedError, match="AudioPod does not offer hear_stream"):
            HearStream(endpoint)
    assert not server.requests


async def test_errors_without_a_code_are_sorted_by_their_status() -> None:
    async with service() as (_, endpoint), SpeakClient(endpoint) as client:
        with pytest.raises(RequestError, match="Unknown voice 'nobody'"):
            await client.speak("Hello.", SpeakOptions(voice="nobody"))
    async with service("ap_wrong-key-0000") as (_, endpoint), SpeakClient(endpoint) as client:
        with pytest.raises(AuthenticationError, match="Invalid API key"):
            await client.speak("Hello.", SpeakOptions(voice="nova"))


async def test_a_cold_connection_is_warmed_although_there_are_no_models() -> None:
    async with service() as (server, endpoint), SpeakClient(endpoint) as client:
        assert await client.prewarm()
        await client.speak("Hello.", SpeakOptions(voice="nova"))
    assert server.connections == 1
    assert endpoint.provider is AUDIOPOD
