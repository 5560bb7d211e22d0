"""Speak over a real socket."""

from __future__ import annotations

import asyncio
import io
import struct
import warnings
from typing import Any

import av
import httpx
import numpy as np
import pytest

from pyai_voice.server.encode import FORMATS, NATIVE_RATE, Stream
from pyai_voice.server.engines.workers import EngineBusyError
from pyai_voice.server.settings import Settings
from tests.server.conftest import Local, serve
from tests.server.fakes import ToneSynthesizer, tone

SPEECH = "/v1/audio/speech"
SECONDS = 0.9
"""How long the fake takes for "one two"... nine letters."""
TEXT = "three four"


def synthesizer(local: Local) -> ToneSynthesizer:
    assert isinstance(local.engines.synthesizer, ToneSynthesizer)
    return local.engines.synthesizer


def decoded(data: bytes, container: str | None = None) -> tuple[float, float]:
    """Return (seconds, pitch in Hz) of an audio file."""
    with av.open(io.BytesIO(data), "r", format=container) as file:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=24000)
        frames = [piece for frame in file.decode(audio=0) for piece in resampler.resample(frame)]
    return pitch(np.concatenate([frame.to_ndarray().ravel() for frame in frames]), 24000)


def pitch(samples: Any, rate: int) -> tuple[float, float]:
    spectrum = np.abs(np.fft.rfft(samples))
    return len(samples) / rate, float(np.fft.rfftfreq(len(samples), 1 / rate)[spectrum.argmax()])


@pytest.mark.conforms("S-05")
@pytest.mark.parametrize(
    ("name", "content_type", "container"),
    [
        ("wav", "audio/wav", "wav"),
        ("mp3", "audio/mpeg", "mp3"),
        ("opus", "audio/ogg", "ogg"),
        ("aac", "audio/aac", "aac"),
        ("flac", "audio/flac", "flac"),
    ],
)
async def test_a_file_format_holds_the_speech(local: Local, name: str, content_type: str, container: str) -> None:
    response = await local.post(SPEECH, json={"input": TEXT, "response_format": name})
    assert response.status_code == 200
    assert response.headers["content-type"] == content_type
    assert (response.headers["x-pyai-format"], response.headers["x-pyai-sample-rate"]) == (name, "24000")
    seconds, frequency = decoded(response.content, container)
    assert seconds == pytest.approx(SECONDS, abs=0.1)
    assert frequency == pytest.approx(300, abs=5)


@pytest.mark.conforms("S-05")
@pytest.mark.parametrize("rate", [8000, 16000, 22050, 24000, 44100, 48000])
async def test_pcm_comes_at_any_rate_to_the_sample(local: Local, rate: int) -> None:
    response = await local.post(SPEECH, json={"input": TEXT, "response_format": "pcm", "sample_rate": rate})
    assert response.headers["content-type"] == "audio/pcm"
    assert response.headers["x-pyai-sample-rate"] == str(rate)
    samples = np.frombuffer(response.content, np.int16)
    assert len(samples) == pytest.approx(SECONDS * rate, abs=1)
    assert pitch(samples, rate)[1] == pytest.approx(300, abs=5)


@pytest.mark.parametrize(
    ("name", "asked", "used"),
    [("mp3", 28000, 32000), ("mp3", 8000, 8000), ("opus", 22050, 24000), ("aac", 47000, 48000), ("flac", 28000, 28000)],
)
async def test_a_codec_takes_its_next_higher_rate_and_says_so(local: Local, name: str, asked: int, used: int) -> None:
    response = await local.post(SPEECH, json={"input": TEXT, "response_format": name, "sample_rate": asked})
    assert response.headers["x-pyai-sample-rate"] == str(used)
    assert decoded(response.content)[1] == pytest.approx(300, abs=5)


@pytest.mark.conforms("S-05")
@pytest.mark.parametrize("law", ["ulaw", "alaw"])
async def test_g711_is_telephone_audio_at_8000(local: Local, law: str) -> None:
    response = await local.post(SPEECH, json={"input": TEXT, "response_format": f"g711_{law}", "sample_rate": 8000})
    assert response.headers["content-type"] == "audio/basic"
    assert response.headers["x-pyai-sample-rate"] == "8000"
    assert len(response.content) == pytest.approx(SECONDS * 8000, abs=1)
    with av.open(io.BytesIO(response.content), "r", format="mulaw" if law == "ulaw" else "alaw") as file:
        file.streams.audio[0].codec_context.sample_rate = 8000
        samples = np.concatenate([frame.to_ndarray().ravel() for frame in file.decode(audio=0)])
    assert pitch(samples, 8000)[1] == pytest.approx(300, abs=5)


@pytest.mark.parametrize("law", ["ulaw", "alaw"])
def test_g711_agrees_with_the_standard_for_every_sample(law: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        audioop = pytest.importorskip("audioop")
    every = np.arange(-32768, 32768).astype(np.int16).tobytes()
    stream = Stream(FORMATS[f"g711_{law}"], 8000, 8000)
    assert stream.feed(every, last=True) == getattr(audioop, f"lin2{law}")(every, 2)


async def test_the_default_is_mp3_at_24000(local: Local) -> None:
    response = await local.post(SPEECH, json={"input": TEXT})
    assert response.headers["content-type"] == "audio/mpeg"
    assert response.headers["x-pyai-sample-rate"] == str(NATIVE_RATE)
    assert response.headers["content-length"] == str(len(response.content))


@pytest.mark.parametrize("name", ["pcm", "wav", "g711_ulaw"])
async def test_the_first_bytes_come_before_the_rest_is_made(local: Local, name: str) -> None:
    synthesizer(local).gate.clear()
    body = {"input": TEXT, "response_format": name}
    async with local.http.stream("POST", SPEECH, json=body, headers=local.bearer) as response:
        chunks = response.aiter_raw()
        assert len(await anext(chunks)) > 1000
        synthesizer(local).gate.set()
        assert len(b"".join([chunk async for chunk in chunks])) > 1000


def test_a_streamed_wav_has_a_length_that_means_unknown() -> None:
    head = Stream(FORMATS["wav"], 24000, 16000).head
    assert struct.unpack_from("<4sI4s", head) == (b"RIFF", 0xFFFFFFFF, b"WAVE")
    assert struct.unpack_from("<HHIIHH4sI", head, 20) == (1, 1, 16000, 32000, 2, 16, b"data", 0xFFFFFFFF)


@pytest.mark.parametrize("name", ["alloy", "nova", "stock_low", None])
@pytest.mark.parametrize("model", ["pyai-voice", "pyai-speak", "tts-1", "tts-1-hd"])
async def test_every_name_of_a_voice_and_of_the_model_is_accepted(local: Local, name: str | None, model: str) -> None:
    body = {"input": "hi", "voice": name, "model": model, "seed": 1, "temperature": 0.5, "stream": True}
    assert (await local.post(SPEECH, json={**body, "response_format": "pcm"})).status_code == 200


async def test_speed_is_obeyed_within_what_the_engine_can(local: Local) -> None:
    body = {"input": TEXT, "response_format": "pcm"}
    slow = await local.post(SPEECH, json={**body, "speed": 0.5})
    natural = await local.post(SPEECH, json={**body, "speed": 1})
    assert len(slow.content) == pytest.approx(2 * len(natural.content), rel=0.01)


@pytest.mark.conforms("S-05", "S-06")
@pytest.mark.parametrize(
    ("change", "parameter", "code"),
    [
        ({"input": ""}, "input", "invalid_request"),
        ({"input": " \n"}, "input", "invalid_request"),
        ({"input": "x" * 4097}, "input", "invalid_request"),
        ({"input": None}, "input", "invalid_request"),
        ({"input": 3}, "input", "invalid_request"),
        ({"model": "gpt-4"}, "model", "unknown_model"),
        ({"voice": "stock_none"}, "voice", "unknown_voice"),
        ({"response_format": "ogg"}, "response_format", "unsupported_format"),
        ({"sample_rate": 7999}, "sample_rate", "unsupported_parameter"),
        ({"sample_rate": 48001}, "sample_rate", "unsupported_parameter"),
        ({"sample_rate": "fast"}, "sample_rate", "invalid_request"),
        ({"sample_rate": 16000, "response_format": "g711_alaw"}, "sample_rate", "unsupported_parameter"),
        ({"speed": 4}, "speed", "unsupported_parameter"),
        ({"speed": "fast"}, "speed", "invalid_request"),
    ],
)
async def test_a_wrong_field_is_refused_by_name(
    local: Local, change: dict[str, Any], parameter: str, code: str
) -> None:
    response = await local.post(SPEECH, json={"input": TEXT, **change})
    error = response.json()["error"]
    assert response.status_code == 400
    assert (error["code"], error["param"]) == (code, parameter)
    assert "x" * 100 not in response.text


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"hello"', b"\xff\xfe", b"{}", b"[" * 50_000])
async def test_a_body_that_is_no_request_is_refused(local: Local, body: bytes) -> None:
    response = await local.post(SPEECH, content=body)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid_request"


async def test_a_body_too_large_is_refused_and_the_refusal_arrives(local: Local) -> None:
    response = await local.post(SPEECH, json={"input": "x" * 3_000_000})
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "payload_too_large"


async def test_text_without_a_word_is_an_empty_success(local: Local) -> None:
    for name in ("pcm", "g711_ulaw"):
        response = await local.post(SPEECH, json={"input": "...", "response_format": name})
        assert (response.status_code, response.content) == (200, b"")
    for name in ("mp3", "opus", "aac", "flac"):
        assert (await local.post(SPEECH, json={"input": "...", "response_format": name})).status_code == 200


async def test_a_busy_engine_is_an_error_answer(local: Local) -> None:
    synthesizer(local).error = EngineBusyError()
    response = await local.post(SPEECH, json={"input": TEXT, "response_format": "pcm"})
    assert (response.status_code, response.json()["error"]["code"]) == (503, "engine_unavailable")


async def test_a_failure_in_the_middle_breaks_the_connection(local: Local) -> None:
    synthesizer(local).gate.clear()
    body = {"input": TEXT, "response_format": "pcm"}
    with pytest.raises(httpx.RemoteProtocolError):
        async with local.http.stream("POST", SPEECH, json=body, headers=local.bearer) as response:
            chunks = response.aiter_raw()
            await anext(chunks)
            synthesizer(local).error = EngineBusyError()
            synthesizer(local).gate.set()
            async for _ in chunks:
                pass


async def test_a_client_that_leaves_ends_the_synthesis_and_frees_its_place() -> None:
    async with serve(Settings(max_requests=1)) as local:
        synthesizer(local).gate.clear()
        synthesizer(local).ended.clear()
        body = {"input": TEXT, "response_format": "pcm"}
        async with local.http.stream("POST", SPEECH, json=body, headers=local.bearer) as response:
            await anext(response.aiter_raw())
            refused = await local.post(SPEECH, json=body)
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
            assert refused.json()["error"]["code"] == "concurrency_limit_exceeded"
        async with asyncio.timeout(5):
            await synthesizer(local).ended.wait()
            while local.server.app.state.requests.taken:
                await local.get("/v1/me")


async def test_a_client_that_reads_nothing_is_cut_off_and_frees_its_place() -> None:
    async with serve(Settings(max_requests=1, send_stall=0.1)) as local:
        host, port = local.server.base_url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        body = b'{"response_format":"pcm","sample_rate":48000,"input":"%s"}' % b" ".join([b"x" * 400] * 10)
        head = f"POST {SPEECH} HTTP/1.1\r\nHost: localhost\r\nx-api-key: {local.server.api_key}\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        async with asyncio.timeout(20):
            await synthesizer(local).ended.wait()
            while local.server.app.state.requests.taken:
                await local.get("/v1/me")
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert not answer.endswith(b"\r\n0\r\n\r\n")  # a cut body is not a whole one
        writer.close()


async def test_a_body_that_does_not_go_on_is_given_up() -> None:
    async with serve(Settings(receive_stall=0.1)) as local:
        host, port = local.server.base_url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"POST {SPEECH} HTTP/1.1\r\nHost: localhost\r\nx-api-key: {local.server.api_key}\r\n"
        writer.write(f"{head}Content-Length: 100\r\n\r\n".encode() + b'{"input":')
        async with asyncio.timeout(20):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"request_timeout" in answer
        writer.close()


def test_resampling_keeps_the_length_however_it_is_split() -> None:
    pcm = tone(0.5, 24000)
    stream = Stream(FORMATS["pcm"], 24000, 8000)
    pieces = [stream.feed(pcm[start : start + 2000]) for start in range(0, len(pcm), 2000)]
    assert len(b"".join([*pieces, stream.feed(b"", last=True)])) == 8000
