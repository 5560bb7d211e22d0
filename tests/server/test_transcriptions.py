"""Hear on whole recordings, over a real socket."""

from __future__ import annotations

import asyncio
import io
import struct
import wave
from typing import Any

import httpx
import pytest

from pyai_voice.audio import AudioFormat, wav_bytes
from pyai_voice.server.encode import FORMATS, Stream, encode_file
from pyai_voice.server.engines.workers import EngineBusyError
from pyai_voice.server.settings import Settings
from tests.server.conftest import Local, serve
from tests.server.fakes import silence, tone

TRANSCRIPTIONS = "/v1/audio/transcriptions"
TRANSLATIONS = "/v1/audio/translations"
SOUND = tone(0.4) + silence(1.2) + tone(0.6) + silence(0.2)
WAV = wav_bytes(SOUND, AudioFormat(16000))


async def send(local: Local, file: bytes = WAV, path: str = TRANSCRIPTIONS, **fields: str) -> httpx.Response:
    return await local.post(path, files={"file": ("sound", file)}, data=fields)


@pytest.mark.parametrize("path", [TRANSCRIPTIONS, TRANSLATIONS])
async def test_the_words_come_back_as_json(local: Local, path: str) -> None:
    response = await send(local, path=path, model="pyai-hear")
    assert response.status_code == 200
    assert response.json() == {"text": "w1 w2. w1 w2 w3.", "model": "pyai-hear", "language": "en"}


async def test_plain_text(local: Local) -> None:
    response = await send(local, response_format="text", model="whisper-1")
    assert response.headers["content-type"].startswith("text/plain")
    assert response.text == "w1 w2. w1 w2 w3.\n"


async def test_verbose_json_tells_when(local: Local) -> None:
    told = (await send(local, response_format="verbose_json", language="en")).json()
    assert told["duration"] == pytest.approx(2.4, abs=0.01)
    first, second = told["segments"]
    assert (first["id"], first["text"], second["text"]) == (0, "w1 w2.", "w1 w2 w3.")
    assert (first["start"], first["end"]) == (pytest.approx(0, abs=0.1), pytest.approx(0.4, abs=0.1))
    assert (second["start"], second["end"]) == (pytest.approx(1.6, abs=0.1), pytest.approx(2.2, abs=0.1))
    assert told["task"] == "transcribe"
    assert (await send(local, path=TRANSLATIONS, response_format="verbose_json")).json()["task"] == "translate"


async def test_subtitles(local: Local) -> None:
    srt = (await send(local, response_format="srt")).text.splitlines()
    assert (srt[0], srt[2], srt[3], srt[4]) == ("1", "w1 w2.", "", "2")
    assert srt[1].startswith("00:00:00,")
    assert " --> 00:00:00," in srt[1]
    vtt = (await send(local, response_format="vtt")).text.splitlines()
    assert vtt[:2] == ["WEBVTT", ""]
    assert vtt[2].startswith("00:00:00.")
    assert vtt[6] == "w1 w2 w3."


@pytest.mark.parametrize("name", ["mp3", "opus", "aac", "flac"])
async def test_every_codec_is_read(local: Local, name: str) -> None:
    file = encode_file(SOUND, FORMATS[name], 16000, 16000)
    assert len((await send(local, file)).json()["text"].split()) == pytest.approx(5, abs=1)


async def test_a_streamed_wav_of_unknown_length_is_read(local: Local) -> None:
    stream = Stream(FORMATS["wav"], 16000, 16000)
    file = stream.head + stream.feed(SOUND, last=True)
    assert (await send(local, file)).json()["text"] == "w1 w2. w1 w2 w3."


def stereo(pcm: bytes, rate: int = 16000) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate)
        samples = struct.unpack(f"<{len(pcm) // 2}h", pcm)
        file.writeframes(b"".join(struct.pack("<hh", sample, sample) for sample in samples))
    return buffer.getvalue()


async def test_two_channels_are_mixed(local: Local) -> None:
    assert (await send(local, stereo(SOUND))).json()["text"] == "w1 w2. w1 w2 w3."


async def test_another_rate_is_resampled(local: Local) -> None:
    file = wav_bytes(tone(0.4, 44100) + silence(0.2, 44100), AudioFormat(44100))
    assert (await send(local, file)).json()["text"] == "w1 w2."


async def test_silence_has_no_words(local: Local) -> None:
    file = wav_bytes(silence(0.5), AudioFormat(16000))
    assert (await send(local, file)).json()["text"] == ""
    assert (await send(local, file, response_format="srt")).text == ""
    assert (await send(local, file, response_format="vtt")).text == "WEBVTT\n"


@pytest.mark.parametrize(
    ("file", "word"),
    [
        (b"", "decoded"),
        (b"hello, this is no sound at all", "decoded"),
        (WAV[:20], "cut short"),
        (WAV[:44], "cut short"),
        (WAV[: len(WAV) // 2], "cut short"),
        (wav_bytes(b"", AudioFormat(16000)), "no sound"),
        (encode_file(SOUND, FORMATS["flac"], 16000, 16000)[:-4000], "cut short"),
        (encode_file(SOUND, FORMATS["mp3"], 16000, 16000)[:30], "decoded"),
    ],
)
async def test_what_is_no_whole_recording_is_refused_with_the_remedy(local: Local, file: bytes, word: str) -> None:
    response = await send(local, file)
    error = response.json()["error"]
    assert response.status_code == 400
    assert (error["code"], error["param"]) == ("invalid_audio", "file")
    assert word in error["message"]
    assert "send a whole" in error["message"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"model": "hear"}, "unknown_model"),
        ({"language": "de"}, "unsupported_language"),
        ({"response_format": "xml"}, "unsupported_format"),
        ({"numerals": "maybe"}, "invalid_request"),
        ({"drop_fillers": "2"}, "invalid_request"),
        ({"dictation": "true"}, "unsupported_parameter"),
        ({"stream": "true"}, "unsupported_parameter"),
        ({"timestamp_granularities[]": "word"}, "unsupported_parameter"),
    ],
)
async def test_a_wrong_field_is_refused_by_name(local: Local, fields: dict[str, str], code: str) -> None:
    response = await send(local, **fields)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == code
    assert response.json()["error"]["param"] == next(iter(fields)).removesuffix("[]")


@pytest.mark.parametrize("request_", [{"json": {"file": "x"}}, {"data": {"file": "x"}}, {"content": b"x"}, {}])
async def test_a_request_without_a_file_is_told_so(local: Local, request_: Any) -> None:
    response = await local.post(TRANSCRIPTIONS, **request_)
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "file"


async def test_a_broken_form_is_refused(local: Local) -> None:
    headers = {**local.bearer, "Content-Type": "multipart/form-data; boundary=x"}
    response = await local.http.post(TRANSCRIPTIONS, headers=headers, content=b"no boundary in here")
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid_request"


async def test_two_files_are_one_too_many(local: Local) -> None:
    files = [("file", ("a", WAV)), ("file", ("b", WAV))]
    response = await local.post(TRANSCRIPTIONS, files=files)
    assert response.status_code == 400


async def test_an_upload_too_large_is_refused_and_the_refusal_arrives() -> None:
    async with serve(Settings(max_upload=200_000)) as local:
        response = await send(local, bytes(2_000_000))
        assert response.status_code == 413
        assert response.json()["error"]["code"] == "payload_too_large"
        assert (await send(local)).status_code == 200


@pytest.mark.parametrize("sent", [1000, 300_000])
async def test_a_client_that_leaves_during_its_upload_is_no_failure(
    caplog: pytest.LogCaptureFixture, sent: int
) -> None:
    async with serve(Settings(max_upload=200_000)) as local:
        host, port = local.server.base_url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        head = f"POST {TRANSCRIPTIONS} HTTP/1.1\r\nHost: localhost\r\nx-api-key: {local.server.api_key}\r\n"
        form = "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000\r\n\r\n--x\r\n"
        part = 'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        writer.write(f"{head}{form}{part}".encode() + bytes(sent))
        await writer.drain()
        async with asyncio.timeout(10):
            while not local.server.app.state.requests.taken:
                await local.get("/v1/me")
            writer.close()
            await writer.wait_closed()
            while local.server.app.state.requests.taken:
                await local.get("/v1/me")
    assert not [record for record in caplog.records if record.name.startswith(("pyai_voice", "uvicorn"))]


async def test_a_recording_too_long_is_refused() -> None:
    async with serve(Settings(max_recording=2)) as local:
        response = await send(local)
        assert response.status_code == 413
        assert response.json()["error"]["param"] == "file"


async def test_terms_and_writing_are_passed_on(local: Local) -> None:
    response = await send(local, vocabulary="W1, W3", numerals="true", smart_format="1", drop_fillers="false")
    assert response.json()["text"] == "W1 w2. W1 w2 W3."


async def test_a_busy_engine_is_an_error_answer(local: Local) -> None:
    local.engines.recognizer.error = EngineBusyError()  # pyright: ignore[reportAttributeAccessIssue] - the fake's
    response = await send(local)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "engine_unavailable")


async def test_one_request_too_many_is_told_when_to_come_back() -> None:
    async with serve(Settings(max_requests=0)) as local:
        response = await send(local)
        assert (response.status_code, response.headers["retry-after"]) == (429, "1")
