"""Who may ask, what is refused, what fails behind the front: status, envelope, one line of log, nothing left."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import Any

import httpx
import openai
import pytest

from openai_pyai import FrontOptions, OwnKey, PassThrough
from pyai_voice.client import Client
from pyai_voice.errors import ConfigurationError
from pyai_voice.options import Endpoint
from pyai_voice.redact import MASK, clean
from pyai_voice.server.settings import Settings
from pyai_voice.testing import FaultyServer, spoken
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
from tests.plugins.openai.openai_front_house import KEY, TEXT, WAV, House, Lines, front, house, openai_client

ENDPOINTS = ["audio/speech", "audio/transcriptions", "audio/translations", "models"]
LONG = "A long sentence. " * 20
BODY = {"model": "tts-1", "voice": "nova", "input": TEXT, "response_format": "pcm"}


async def say(there: House, **more: Any) -> httpx.Response:
    return await there.http.post("audio/speech", json=BODY | more)


async def send(there: House, file: bytes = WAV, **fields: str) -> httpx.Response:
    return await there.http.post("audio/transcriptions", files={"file": ("a.wav", file)}, data=fields)


def fault_of(response: httpx.Response) -> dict[str, Any]:
    fault = response.json()["error"]
    assert set(fault) == {"message", "type", "code", "param"}
    return fault


# -- keys


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": "Bearer wrong_canary"},
        {"Authorization": f"Bearer {KEY}x"},
        {"Authorization": "Bearer w\xf6rong_canary"},
        {"Authorization": f"Bearer {KEY}", "x-api-key": "wrong_canary"},
    ],
)
async def test_a_wrong_key_is_401_before_the_body_is_read(log: Lines, path: str, headers: dict[str, str]) -> None:
    async with house() as there, httpx.AsyncClient(base_url=there.url, trust_env=False) as http:
        raw: Any = {name: value.encode("latin-1") for name, value in headers.items()}
        response = await http.request("GET" if path == "models" else "POST", path, headers=raw)
        assert not there.pyai.requests
    assert response.status_code == 401
    assert fault_of(response)["code"] == "unauthorized"
    (line,) = log.lines
    assert " 401, " in line
    assert "canary" not in line + response.text


async def test_the_front_key_may_come_as_x_api_key_and_never_goes_to_the_service() -> None:
    async with house() as there, httpx.AsyncClient(base_url=there.url, trust_env=False) as http:
        response = await http.post("audio/speech", json=BODY, headers={"x-api-key": KEY})
        assert response.content == spoken(TEXT)  # so the service was asked with its own key


async def test_a_clients_own_key_goes_to_the_service_and_its_verdict_comes_back(log: Lines) -> None:
    async with house(passes=True) as there:
        assert (await say(there)).content == spoken(TEXT)
        wrong = there.openai.with_options(api_key="pyai_live_wrong_canary")
        with pytest.raises(openai.AuthenticationError, match="Unknown or expired"):
            await wrong.audio.transcriptions.create(file=("a.wav", WAV), model="whisper-1")
        for key in ("short", "w r o n g   w r o n g"):
            with pytest.raises(openai.AuthenticationError, match="no API key"):
                await wrong.with_options(api_key=key).models.list()
        assert (await there.http.get("models")).status_code == 200
    assert "canary" not in "".join(log.lines)
    assert there.pyai.api_key not in "".join(log.lines)


async def test_keys_that_nobody_uses_any_more_are_forgotten() -> None:
    key = "an_unlikely_key_of_a_client"
    async with FaultyServer() as pyai:
        access = PassThrough(base_url=pyai.base_url, most=1)
        async with front(access) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
            for shown in (key, pyai.api_key, pyai.api_key):
                await http.get("models", headers={"Authorization": f"Bearer {shown}"})
                hidden = clean(f"{key} {pyai.api_key}")
            assert hidden == f"{key} {MASK}"
    assert clean("an_unlikely_key_of_a_client") == key


def test_there_is_no_front_for_everybody() -> None:
    client = Client(Endpoint.from_env("a_key_of_the_service", "http://127.0.0.1:1"))
    with pytest.raises(ConfigurationError, match="front key is needed"):
        OwnKey(client)
    with pytest.raises(ConfigurationError, match="16 characters"):
        OwnKey(client, "short")
    with pytest.raises(ConfigurationError, match="http only to this machine"):
        PassThrough(base_url="http://203.0.113.9")


FROM_ELSEWHERE: list[dict[str, str]] = [
    {"Host": "rebound.example"},
    {"Origin": "https://page.example"},
    {"X-Forwarded-For": "203.0.113.9"},
    {"Via": "1.1 proxy"},
]


async def test_without_a_key_only_programs_of_this_machine_may_ask() -> None:
    async with FaultyServer() as pyai, aclosing(Client(pyai.endpoint)) as client:
        async with front(OwnKey(client, insecure=True)) as url, openai_client(url) as openai_:
            speak = openai_.audio.speech.create
            await speak(model="tts-1", voice="nova", input=TEXT)
            for headers in FROM_ELSEWHERE:
                with pytest.raises(openai.PermissionDeniedError, match="programs of this machine"):
                    await speak(model="tts-1", voice="nova", input=TEXT, extra_headers=headers)


# -- what is asked


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": " \n"}, "input"),
        ({"input": "x" * 10_000}, "input"),
        ({"input": 7}, "input"),
        ({"response_format": "mp4"}, "response_format"),
        ({"voice": 7}, "voice"),
        ({"voice": "nobody"}, "voice"),
        ({"speed": 9}, "speed"),
        ({"speed": "fast"}, "speed"),
        ({"speed": 1.5}, "speed"),  # the engine behind it has one speed
        ({"model": "gpt-unknown"}, "model"),
        ({"stream_format": "pieces"}, "stream_format"),
        ({"sample_rate": 4000}, "sample_rate"),
    ],
)
async def test_what_cannot_be_spoken_is_400_and_names_the_parameter(
    log: Lines, wanted: dict[str, Any], param: str
) -> None:
    async with house() as there:
        response = await say(there, **wanted)
    assert response.status_code == 400
    assert (fault_of(response)["type"], fault_of(response)["param"]) == ("invalid_request_error", param)
    assert response.headers["x-should-retry"] == "false"
    (line,) = log.lines
    assert line.startswith("speech 400")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
async def test_what_is_no_request_is_400(body: bytes) -> None:
    async with house() as there:
        assert (await there.http.post("audio/speech", content=body)).status_code == 400


@pytest.mark.parametrize(
    ("file", "fields", "param"),
    [
        (b"", {}, None),
        (b"not audio at all", {}, None),
        (WAV[:-9000], {}, None),
        (WAV, {"response_format": "mp3"}, "response_format"),
        (WAV, {"model": "gpt-4o-transcribe-diarize"}, "model"),
        (WAV, {"language": "tlh"}, "language"),
        (WAV, {"numerals": "perhaps"}, "numerals"),
        (WAV, {"dictation": "true"}, "dictation"),
    ],
)
async def test_what_cannot_be_written_down_is_400(file: bytes, fields: dict[str, str], param: str | None) -> None:
    async with house() as there:
        response = await send(there, file, **fields)
    assert (response.status_code, fault_of(response)["param"]) == (400, param)


@pytest.mark.parametrize(
    "request_",
    [
        {"json": {"file": "x"}},
        {"content": b"--x\r\nbroken", "headers": {"content-type": "multipart/form-data; boundary=x"}},
        {"files": {"audio": ("a.wav", WAV)}},
        {"data": {"file": "a path"}},
        {"files": [("file", ("a.wav", WAV)), ("file", ("b.wav", WAV))]},
    ],
)
async def test_a_form_without_one_file_is_400(request_: dict[str, Any]) -> None:
    async with house() as there:
        assert (await there.http.post("audio/transcriptions", **request_)).status_code == 400


async def test_a_body_over_the_limit_is_413_and_no_request(log: Lines) -> None:
    async with house(FrontOptions(max_body=1024, max_upload=4096)) as there:
        big = await say(there, instructions="x" * 5000)
        file = await send(there)
        assert not there.pyai.requests
    assert (big.status_code, file.status_code) == (413, 413)
    assert fault_of(big)["code"] == "payload_too_large"
    assert [line[:10] for line in log.lines] == ["speech 413", "transcript"]


async def test_an_upload_that_does_not_go_on_is_given_up() -> None:
    head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: front\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 99\r\n\r\n"
    async with house(FrontOptions(stall=0.2)) as there, asyncio.timeout(20):
        url = httpx.URL(there.url)
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(head.encode() + b"{")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_another_path_or_method_is_openais_error_as_well() -> None:
    async with house() as there:
        for method, path, status in (("GET", "chat/completions", 404), ("GET", "audio/speech", 405)):
            response = await there.http.request(method, path)
            assert (response.status_code, fault_of(response)["type"]) == (status, "invalid_request_error")


async def test_one_request_too_many_is_429(log: Lines) -> None:
    async with house(FrontOptions(most=1), speak=[Hang()]) as there:
        first = asyncio.create_task(say(there))
        await there.pyai.until(lambda: there.pyai.requests)
        second = await say(there)
        assert (second.status_code, second.headers["retry-after"]) == (429, "1")
        first.cancel()
        await asyncio.wait([first])
        await there.pyai.until(lambda: not there.pyai.requests[0].open)
        assert (await say(there)).status_code == 200


# -- what fails behind the front


@pytest.mark.parametrize(
    ("fault", "status", "code", "after", "again"),
    [
        (Refuse(401, "unauthorized"), 502, "upstream_error", None, False),
        (Refuse(402, "credit_exhausted"), 402, "credit_exhausted", None, False),
        (Refuse(403, "forbidden"), 502, "upstream_error", None, False),
        (Refuse(404, "unknown_route"), 404, "unknown_route", None, False),
        (Refuse(429, "rate_limit_exceeded", retry_after=7), 429, "rate_limit_exceeded", "7", True),
        (Refuse(429, "daily_cap_exceeded"), 429, "daily_cap_exceeded", None, False),
        (Refuse(500), 502, "upstream_error", None, True),
        (Refuse(503, "upstream_error", retry_after=9), 503, "upstream_error", "9", True),
        (HangUp(), 502, "upstream_error", None, True),
        (JsonIn200(), 502, "upstream_error", None, True),
        (WavHeaderWhenPcm(), 502, "upstream_error", None, False),
        (Refuse(200, body=b"<html>", headers={"content-type": "text/html"}), 502, "upstream_error", None, False),
    ],
)
async def test_a_failure_of_the_service_has_a_status_that_openais_clients_understand(
    log: Lines, fault: SpeakFault, status: int, code: str, after: str | None, again: bool
) -> None:
    async with house(FrontOptions(retry_window=0), speak=[fault] * 9) as there:
        response = await say(there)
    assert (response.status_code, response.headers.get("retry-after")) == (status, after)
    assert fault_of(response)["code"] == code
    assert ("x-should-retry" not in response.headers) is again
    (line,) = log.lines
    assert line.startswith(f"speech {status}")
    assert there.pyai.api_key not in line + response.text


async def test_openais_client_waits_as_long_as_the_service_asks_for_and_gets_its_audio() -> None:
    busy = Refuse(429, "rate_limit_exceeded", retry_after=0.2)
    async with house(FrontOptions(retry_window=0), speak=[busy]) as there:
        patient = there.openai.with_options(max_retries=1)
        answer = await patient.audio.speech.create(**BODY)  # pyright: ignore[reportArgumentType] - a request as a dict
    assert answer.content == spoken(TEXT)


async def test_a_fault_that_passes_is_not_seen() -> None:
    async with house(speak=[HangUp()], settings=Settings()) as there:
        assert (await say(there)).status_code in (200, 502)
    async with house(speak=[Refuse(503, "upstream_error")]) as there:
        assert (await say(there)).content == spoken(TEXT)


async def test_a_service_that_is_not_there_is_502_and_one_that_says_nothing_504(log: Lines) -> None:
    async with house(FrontOptions(retry_window=0, first_byte=0.3), speak=[Hang()]) as there:
        assert (await say(there)).status_code == 504
        await there.pyai.stop()
        assert (await say(there)).status_code == 502
        assert (await send(there)).status_code == 502
    assert [line[:10] for line in log.lines] == ["speech 504", "speech 502", "transcript"]


async def test_models_of_a_service_that_is_not_there_are_soon_given_up() -> None:
    async with house(passes=True) as there:
        await there.pyai.stop()
        async with asyncio.timeout(7):  # the client behind it would try for ten seconds
            assert (await there.http.get("models")).status_code == 502


async def test_no_audio_is_an_empty_answer() -> None:
    async with house(speak=[EmptyBody()]) as there:
        response = await say(there)
    assert (response.status_code, response.content) == (200, b"")


async def test_audio_that_breaks_off_is_not_taken_for_a_whole_one(log: Lines) -> None:
    async with house(speak=[Abort(after_bytes=4800)]) as there:
        with pytest.raises(openai.APIConnectionError):
            await there.openai.audio.speech.create(**BODY)  # pyright: ignore[reportArgumentType] - a request as a dict
    (line,) = log.lines
    assert line.startswith("speech 599")


async def test_the_service_stops_at_once_when_the_client_hangs_up(log: Lines) -> None:
    async with house(speak=[SlowBody(size=960, gap=0.02), Hang()]) as there:
        async with there.http.stream("POST", "audio/speech", json=BODY | {"input": LONG}) as response:
            await anext(response.aiter_raw())
        await there.pyai.until(lambda: not there.pyai.requests[0].open)
        assert there.pyai.requests[0].sent < len(spoken(LONG)) / 2
        asking = asyncio.create_task(say(there))  # hangs up before there is any audio
        await there.pyai.until(lambda: len(there.pyai.requests) == 2)
        asking.cancel()
        await asyncio.wait([asking])
        await there.pyai.until(lambda: not there.pyai.requests[1].open)
    assert [line[:10] for line in log.lines] == ["speech 499", "speech 499"]


async def test_a_recording_is_given_up_at_once_when_the_client_hangs_up(log: Lines) -> None:
    came, gone = asyncio.Event(), asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            came.set()
        gone.set()
        writer.close()

    server = await asyncio.start_server(never_answer, "127.0.0.1")
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, aclosing(Client(Endpoint.from_env("a_key_of_the_service", address))) as client:
        async with front(OwnKey(client, KEY)) as url, openai_client(url) as openai_, asyncio.timeout(20):
            ask = openai_.audio.transcriptions.create(file=("a.wav", WAV), model="whisper-1")
            asking = asyncio.create_task(ask)
            await came.wait()
            asking.cancel()
            await asyncio.wait([asking])
            await gone.wait()
    assert log.lines == ["transcription 499"]


async def test_no_log_of_any_library_holds_a_key() -> None:
    lines = Lines()
    root = logging.getLogger()
    level = root.level
    root.addHandler(lines)
    root.setLevel(logging.DEBUG)
    try:
        async with house(FrontOptions(retry_window=0), speak=[Refuse(500)]) as there:
            async with httpx.AsyncClient(base_url=there.url, trust_env=False) as http:
                await http.post("audio/speech", json=BODY, headers={"x-api-key": KEY})
            pyai_key = there.pyai.api_key
    finally:
        root.removeHandler(lines)
        root.setLevel(level)
    assert lines.lines
    assert not [line for line in lines.lines if pyai_key in line or KEY in line]


async def test_fifty_clients_at_once_get_every_sample_once() -> None:
    async with house(settings=Settings(max_requests=50)) as there, asyncio.timeout(40):
        texts = [f"Client number {number} says this." for number in range(50)]
        answers = await asyncio.gather(*(say(there, input=text) for text in texts))
        assert [each.content for each in answers] == [spoken(text) for text in texts]
        assert not any(each.open for each in there.pyai.requests)
