"""Recordings to text, against scripted servers on real sockets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pyai_voice.audio import AudioFormat, read_wav, wav_bytes
from pyai_voice.errors import (
    AudioError,
    ConfigurationError,
    ProtocolError,
    PyAIError,
    RequestError,
    ServiceError,
    UnsupportedError,
)
from pyai_voice.options import HearOptions
from pyai_voice.rest.audio import Segment, Transcription
from tests.core.scripted_http import Peer, Reply, answering, form, rest

WAV = wav_bytes(bytes(3200), AudioFormat(16000))
HELLO = answering(200, {"text": "Hello."}, x_request_id="req_1")


def fields(peer: Peer) -> dict[str, str]:
    parts = {name: part.get_payload(decode=True) for name, part in form(peer).items() if name != "file"}
    return {name: content.decode() for name, content in parts.items() if isinstance(content, bytes)}


def file_of(peer: Peer) -> tuple[str | None, str, bytes]:
    part = form(peer)["file"]
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return part.get_filename(), part.get_content_type(), content


# Transcriptions


async def test_a_file_is_sent_whole_and_its_words_come_back(tmp_path: Path) -> None:
    path = tmp_path / "call 1.wav"
    path.write_bytes(WAV)
    async with rest(HELLO) as (client, server):
        transcription = await client.audio.transcribe(path)
    assert transcription == Transcription("Hello.", request_id="req_1")
    request = server.requests[0]
    assert (request.method, request.target) == ("POST", "/v1/audio/transcriptions")
    assert fields(request) == {"model": "pyai-hear", "response_format": "json"}
    assert file_of(request) == ("call_1.wav", "audio/wav", WAV)


async def test_options_are_written_as_this_surface_wants_them() -> None:
    options = HearOptions(
        language="en", vocabulary=("PyAI", "flat white"), numerals=False, smart_format=True, endpointing_ms=500
    )
    async with rest(HELLO) as (client, server):
        await client.audio.transcribe(WAV, options)
    assert fields(server.requests[0]) == {
        "model": "pyai-hear",
        "response_format": "json",
        "language": "en",
        "vocabulary": "PyAI,flat white",
        "numerals": "false",
        "smart_format": "true",
    }


async def test_a_comma_in_a_term_is_refused_because_it_would_become_two() -> None:
    async with rest(HELLO) as (client, server):
        with pytest.raises(ConfigurationError, match="vocabulary: 'Smith, John' has a comma"):
            await client.audio.transcribe(WAV, HearOptions(vocabulary=("Smith, John",)))
    assert not server.requests


async def test_pcm_is_sent_as_a_wav() -> None:
    pcm = b"\x01\x02" * 800
    async with rest(HELLO) as (client, server):
        await client.audio.transcribe(pcm, rate=8000)
    name, kind, content = file_of(server.requests[0])
    assert (name, kind) == ("audio.wav", "audio/wav")
    assert read_wav(content) == (pcm, AudioFormat(8000))


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (b"fLaC" + bytes(100), "audio.flac", "audio/flac"),
        (b"OggS" + bytes(100), "audio.ogg", "audio/ogg"),
        (b"\0\0\0\x20ftypM4A " + bytes(100), "audio.m4a", "audio/mp4"),
        (b"ID3\x04" + bytes(100), "audio.mp3", "audio/mpeg"),
        (b"\xff\xfb\x90" + bytes(100), "audio.mp3", "audio/mpeg"),
        (b"\x1aE\xdf\xa3" + bytes(100), "audio.webm", "audio/webm"),
        (WAV[:4] + b"\xff\xff\xff\xff" + WAV[8:], "audio.wav", "audio/wav"),
    ],
)
async def test_other_containers_are_known_by_their_first_bytes(data: bytes, name: str, kind: str) -> None:
    async with rest(HELLO) as (client, server):
        await client.audio.transcribe(data)
    assert file_of(server.requests[0]) == (name, kind, data)


@pytest.mark.parametrize("name", ['a"; name="model.wav', "a\r\nX-Evil: 1.wav", "über.wav", "x" * 240 + ".wav"])
async def test_a_file_name_cannot_write_headers(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(WAV)
    async with rest(HELLO) as (client, server):
        await client.audio.transcribe(path)
    parts = form(server.requests[0])
    assert set(parts) == {"file", "model", "response_format"}
    assert parts["file"].keys() == ["Content-Disposition", "Content-Type"]
    sent = parts["file"].get_filename() or ""
    assert sent.endswith(".wav") and sent.isascii() and len(sent) <= 100


@pytest.mark.parametrize(
    ("audio", "rate", "said"),
    [
        (b"", None, "the audio is empty"),
        (b"not audio at all", None, "not an audio file that can be sent"),
        (WAV[:20], None, "cut short"),
        (WAV[:-100], None, "cut short: it says 3244 bytes and has 3144"),
        (b"", 16000, "pcm is empty"),
        (b"\x01\x02\x03", 16000, r"odd number of bytes \(3\)"),
        (b"\x01\x02", 7999, "rate: 7999 is not within 8000 to 48000"),
        ("call.wav", 16000, "rate: only for pcm bytes"),
        ("nobody/call.wav", None, "nobody/call.wav: No such file"),
        ("call\0.wav", None, "null"),
    ],
)
async def test_audio_that_cannot_be_sent_is_refused_here(audio: Any, rate: int | None, said: str) -> None:
    async with rest(HELLO) as (client, server):
        with pytest.raises(AudioError, match=said) as caught:
            await client.audio.transcribe(audio, rate=rate)
    assert caught.value.__context__ is None
    assert not server.requests


async def test_an_empty_file_a_folder_and_a_huge_file_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty, huge = tmp_path / "empty.wav", tmp_path / "huge.wav"
    empty.write_bytes(b"")
    huge.write_bytes(WAV)
    async with rest(HELLO) as (client, _):
        with pytest.raises(AudioError, match=r"empty\.wav is empty"):
            await client.audio.transcribe(empty)
        with pytest.raises(AudioError, match="Is a directory"):
            await client.audio.transcribe(tmp_path)
        monkeypatch.setattr("pyai_voice.rest.upload.LARGEST_FILE", 100)
        with pytest.raises(AudioError, match="in parts"):
            await client.audio.transcribe(huge)


async def test_a_verbose_answer_has_language_duration_and_segments() -> None:
    segment = {"id": 0, "start": 0.5, "end": 1.25, "text": " Hello."}
    body = {"text": "Hello.", "language": "english", "duration": 1.5, "segments": [segment, "odd", {}]}
    async with rest(answering(200, body)) as (client, server):
        transcription = await client.audio.transcribe(WAV, response_format="verbose_json")
    assert transcription.language == "english"
    assert transcription.duration == 1.5
    assert transcription.segments == (Segment("Hello.", 0.5, 1.25), Segment("", 0.0, 0.0))
    assert fields(server.requests[0])["response_format"] == "verbose_json"


@pytest.mark.parametrize("response_format", ["text", "srt", "vtt"])
async def test_plain_formats_come_as_they_are(response_format: Any) -> None:
    body = "1\n00:00:00,000 --> 00:00:01,000\nGrüße.\n"
    async with rest(answering(200, body.encode(), "text/plain; charset=utf-8")) as (client, _):
        assert (await client.audio.transcribe(WAV, response_format=response_format)).text == body


async def test_a_server_that_answers_json_where_text_was_asked_is_understood() -> None:
    async with rest(HELLO) as (client, _):
        assert (await client.audio.transcribe(WAV, response_format="text")).text == "Hello."


async def test_silence_is_an_empty_text() -> None:
    async with rest(answering(200, {"text": ""})) as (client, _):
        assert (await client.audio.transcribe(WAV)).text == ""


@pytest.mark.parametrize(
    ("reply", "response_format", "kind"),
    [
        (answering(200, b"<html></html>", "text/html"), "json", ProtocolError),
        (answering(200, b"<html></html>", "text/html"), "text", ProtocolError),
        (HELLO, "srt", ProtocolError),
        (answering(200, {"words": []}), "json", ProtocolError),
        (answering(200, ["Hello"]), "json", ProtocolError),
        (answering(200, {"error": {"code": "engine_unavailable"}}), "json", ServiceError),
        (answering(400, {"error": {"code": "unsupported_language", "message": "xx"}}), "json", RequestError),
    ],
)
async def test_other_answers_are_errors(reply: Reply, response_format: Any, kind: type[PyAIError]) -> None:
    async with rest(reply) as (client, server):
        with pytest.raises(kind) as caught:
            await client.audio.transcribe(WAV, response_format=response_format)
    assert caught.value.__context__ is None
    assert len(server.requests) == 1


async def test_a_translation_has_its_own_address_and_no_language() -> None:
    async with rest(HELLO) as (client, server):
        assert (await client.audio.translate(WAV)).text == "Hello."
    assert server.requests[0].target == "/v1/audio/translations"
    assert fields(server.requests[0]) == {"model": "pyai-hear", "response_format": "json"}


async def test_a_prompt_is_for_those_who_have_it() -> None:
    async with rest(HELLO) as (client, _):
        with pytest.raises(UnsupportedError, match="prompt: PyAI does not offer this"):
            await client.audio.transcribe(WAV, prompt="A coffee order.")
        with pytest.raises(UnsupportedError, match="prompt"):
            await client.audio.translate(WAV, prompt="A coffee order.")
