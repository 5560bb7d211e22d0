"""The Hear stream over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from websockets.exceptions import ConnectionClosed

from pyai_voice.errors import service_error
from pyai_voice.server.settings import Settings
from tests.server.conftest import Local, read, serve, until
from tests.server.fakes import silence, tone

COMMIT = '{"type": "commit"}'


def final_of(messages: list[dict[str, Any]]) -> dict[str, Any]:
    (final,) = [message for message in messages if message["type"] == "final"]
    return final


async def test_words_come_while_they_are_spoken_and_the_final_after_the_silence(local: Local) -> None:
    async with local.stream() as socket:
        assert (await read(socket))["type"] == "config_ack"
        await socket.send(tone(0.8))
        assert (await read(socket))["text"].startswith("w1")
        await socket.send(silence(0.8))
        messages = await until(socket, "usage")
        assert final_of(messages)["text"] == "w1 w2 w3 w4."
        assert final_of(messages)["endpoint_reason"] == "endpoint"
        assert final_of(messages)["audio_ms"] == pytest.approx(800, abs=40)


@pytest.mark.conforms("H-17")
async def test_a_commit_is_answered_once_without_any_silence(local: Local) -> None:
    async with local.stream("protocol=pyai-hear-v1&interim_results=false") as socket:
        await socket.send(tone(0.4))
        await socket.send(COMMIT)
        await socket.send(COMMIT)
        await socket.send(tone(0.2) + silence(0.6))
        acknowledged, *messages = [message for _ in range(3) for message in await until(socket, "usage")]
        assert acknowledged["type"] == "config_ack"
        assert [message["type"] for message in messages] == ["speech_final", "final", "usage"] * 3
        finals = [message for message in messages if message["type"] == "final"]
        assert [(final["text"], final["endpoint_reason"]) for final in finals] == [
            ("w1 w2.", "client_commit"),
            ("", "client_commit"),
            ("w1.", "endpoint"),
        ]


@pytest.mark.conforms("H-18")
async def test_eof_flushes_and_the_stream_goes_on(local: Local) -> None:
    async with local.stream() as socket:
        await socket.send(tone(0.4))
        await socket.send("EOF")
        assert final_of(await until(socket, "usage"))["endpoint_reason"] == "eof"
        await socket.send(COMMIT)
        assert final_of(await until(socket, "usage"))["endpoint_reason"] == "client_commit"


@pytest.mark.conforms("H-19")
async def test_without_a_protocol_the_older_wire_is_spoken(local: Local) -> None:
    async with local.stream("sample_rate=16000") as socket:
        await socket.send(tone(0.4))
        await socket.send(COMMIT)
        kinds = [message["type"] for message in await until(socket, "usage.delta")]
        assert kinds[0] == "session.created"
        assert kinds[-3:] == ["turn.end", "transcript.final", "usage.delta"]


async def test_the_newer_wire_can_be_made_the_default() -> None:
    async with serve(Settings(legacy_default=False)) as local, local.stream("sample_rate=16000") as socket:
        assert (await read(socket))["type"] == "config_ack"


async def test_telephone_audio_in_odd_pieces(local: Local) -> None:
    pcm = tone(0.6, 8000)
    async with local.stream("protocol=pyai-hear-v1&sample_rate=8000") as socket:
        for start in range(0, len(pcm), 161):
            await socket.send(pcm[start : start + 161])
        await socket.send(COMMIT)
        assert final_of(await until(socket, "usage"))["text"] == "w1 w2 w3."


@pytest.mark.conforms("H-18")
async def test_garbage_is_answered_and_harms_nothing(local: Local) -> None:
    async with local.stream() as socket:
        await read(socket)
        for garbage, code in (("{", "invalid_request"), ('{"type":"stop"}', "unknown_message_type")):
            await socket.send(garbage)
            error = await read(socket)
            assert (error["code"], error["error"]["code"]) == (code, code)
        await socket.send('{"type":"end"}')
        await socket.send(tone(0.2))
        await socket.send(COMMIT)
        assert final_of(await until(socket, "usage"))["text"] == "w1."


async def test_warnings_name_what_is_not_as_asked(local: Local) -> None:
    query = "protocol=pyai-hear-v1&endpointing_ms=9999&dictation=true"
    async with local.stream(query) as socket:
        acknowledged = await read(socket)
        assert acknowledged["endpointing_ms"] == 5000
        assert [warning.partition(":")[0] for warning in acknowledged["warnings"]] == [
            "endpointing_ms_clamped",
            "dictation_unsupported",
        ]


@pytest.mark.conforms("H-20")
async def test_endpointing_is_obeyed_from_the_change_on(local: Local) -> None:
    async with local.stream("protocol=pyai-hear-v1&interim_results=false&endpointing_ms=2000") as socket:
        await socket.send('{"type":"config","endpointing_ms":200}')
        await socket.send(tone(0.4) + silence(0.4))
        _, acknowledged, *messages = await until(socket, "usage")
        assert acknowledged["endpointing_ms"] == 200
        assert final_of(messages)["text"] == "w1 w2."


@pytest.mark.conforms("Q-03")
async def test_grounding_is_empty_and_warned_of(local: Local) -> None:
    async with local.stream() as socket:
        await socket.send('{"type":"config","grounding":true}')
        await socket.send(COMMIT)
        _, acknowledged, *messages = await until(socket, "usage")
        assert acknowledged["warnings"] == ["grounding_inactive"]
        assert final_of(messages)["grounding"] == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("language=de", "unsupported_language"),
        ("model=hear", "unknown_model"),
        ("encoding=opus", "unsupported_format"),
        ("sample_rate=4000", "unsupported_parameter"),
        ("vocabulary=Nguyen", "invalid_request"),
    ],
)
async def test_what_cannot_be_done_is_refused_before_the_upgrade(local: Local, query: str, code: str) -> None:
    response = await refused(local, f"protocol=pyai-hear-v1&{query}")
    assert response.status_code == 400
    assert response.headers["x-request-id"].startswith("req_")
    error = json.loads(response.body)["error"]
    assert (error["code"], error["param"]) == (code, query.partition("=")[0])


@pytest.mark.parametrize("language", ["en", "EN", "en-US", "auto", ""])
async def test_english_and_auto_are_heard(local: Local, language: str) -> None:
    async with local.stream(f"protocol=pyai-hear-v1&language={language}") as socket:
        assert (await read(socket))["warnings"] == []


async def refused(local: Local, query: str = "protocol=pyai-hear-v1", **options: Any) -> Any:
    """Return the answer to a refused upgrade."""
    from websockets.exceptions import InvalidStatus

    with pytest.raises(InvalidStatus) as refusal:
        async with local.stream(query, **options):
            pass
    return refusal.value.response


async def until_free(local: Local) -> None:
    async with asyncio.timeout(5):
        while local.server.app.state.streams.taken:
            await local.get("/v1/me")


# -- bounds ---------------------------------------------------------------------------------------


@pytest.mark.conforms("H-21")
async def test_one_stream_too_many_is_told_when_to_come_back_and_finds_a_place_when_one_is_free() -> None:
    async with serve(Settings(max_streams=1)) as local:
        async with local.stream() as socket:
            await read(socket)
            response = await refused(local)
            assert (response.status_code, response.headers["retry-after"]) == (429, "1")
            assert json.loads(response.body)["error"]["code"] == "concurrency_limit_exceeded"
        await until_free(local)
        async with local.stream() as socket:
            assert (await read(socket))["type"] == "config_ack"


@pytest.mark.conforms("H-21")
@pytest.mark.parametrize(("refuse", "bad_key", "too_many"), [("policy", 1008, 4429), ("private", 4401, 4429)])
async def test_refusals_after_the_upgrade(refuse: Any, bad_key: int, too_many: int) -> None:
    async with serve(Settings(max_streams=0, refuse=refuse)) as local:
        for options, code in (({}, too_many), ({"subprotocols": ["pyai.v1", "pyai-key.wrong"]}, bad_key)):
            async with local.stream(**options) as socket:
                with pytest.raises(ConnectionClosed) as closed:
                    await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == code
            assert closed.value.rcvd.reason


@pytest.mark.parametrize("message", [bytes(70_000), "x" * 70_000])
async def test_a_message_too_large_ends_the_stream_with_its_own_code(message: str | bytes) -> None:
    async with serve(Settings(max_message=65536)) as local, local.stream() as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.send(message)
            while True:
                await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


async def test_a_client_that_reads_nothing_is_cut_off() -> None:
    async with serve(Settings(send_stall=0.1)) as local:
        async with asyncio.timeout(20), deaf_client(local) as talk:
            with pytest.raises(ConnectionError):
                while True:
                    await talk()
        await until_free(local)


async def test_a_client_that_reads_nothing_does_not_hold_up_the_end(caplog: pytest.LogCaptureFixture) -> None:
    async with AsyncExitStack() as held:
        async with serve() as local:
            talk = await held.enter_async_context(deaf_client(local))
            with pytest.raises(TimeoutError):
                while True:  # until the server has stopped reading, because it cannot send
                    async with asyncio.timeout(0.5):
                        await talk()
            ending = asyncio.timeout(10)
            await held.enter_async_context(ending)
    assert not [record for record in caplog.records if record.name.startswith(("pyai_voice", "uvicorn"))]


@asynccontextmanager
async def deaf_client(local: Local) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Open a stream and never read it; yield what sends 10,000 messages that are each answered by an error."""
    host, port = local.server.base_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    writer.write(
        b"GET /v1/audio/transcriptions/stream?protocol=pyai-hear-v1 HTTP/1.1\r\nHost: localhost\r\n"
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nx-api-key: " + local.server.api_key.encode() + b"\r\n\r\n"
    )
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")

    async def talk() -> None:
        writer.write((b"\x81\x81" + bytes(4) + b"x") * 10_000)  # masked text frames
        await writer.drain()

    try:
        yield talk
    finally:
        writer.transport.abort()


# -- failures -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (service_error("Too much to do", code="engine_unavailable"), "engine_unavailable"),
        (RuntimeError("a bug"), "internal_error"),
    ],
)
async def test_an_engine_that_fails_ends_the_stream_with_an_error(local: Local, error: Exception, code: str) -> None:
    local.engines.recognizer.error = error  # pyright: ignore[reportAttributeAccessIssue] - the fake's
    async with local.stream() as socket:
        await socket.send(tone(0.4))
        await socket.send(COMMIT)
        complaint = (await until(socket, "error"))[-1]
        assert complaint["code"] == code
        assert "a bug" not in complaint["message"]
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1011


async def test_open_streams_get_their_last_words_when_the_server_ends() -> None:
    async with serve() as local:
        socket = await local.stream("protocol=pyai-hear-v1&interim_results=false")
        await read(socket)
        await socket.send(tone(0.4))
        await socket.send('{"type":"stop"}')
        await read(socket)  # the answer shows that the sound before it has arrived
    messages = await until(socket, "usage")
    assert (final_of(messages)["text"], final_of(messages)["endpoint_reason"]) == ("w1 w2.", "eof")
    with pytest.raises(ConnectionClosed) as closed:
        await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012


async def test_a_connection_can_be_reset_by_the_address_of_its_client(local: Local) -> None:
    async with local.stream() as socket:
        await read(socket)
        assert local.server.abort(socket.local_address)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is None
    assert not local.server.abort(("127.0.0.1", 1))


class Deaf:
    """Middleware that lets no message of the application through."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def forward(message: Message) -> None:
            if message["type"] != "websocket.send":
                await send(message)

        await self._app(scope, receive, forward)


class Gone:
    """Middleware under which the second message finds the client gone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent: list[Message] = []

        async def forward(message: Message) -> None:
            sent.append(message)
            if len(sent) > 2:
                raise OSError("gone")
            await send(message)

        await self._app(scope, receive, forward)


async def test_a_client_that_is_gone_when_it_is_told_something_ends_the_stream_quietly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serve(middleware=[Middleware(Gone)]) as local, local.stream() as socket:
        assert (await read(socket))["type"] == "config_ack"
        await socket.send(COMMIT)
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        await until_free(local)
    assert not [record for record in caplog.records if record.name.startswith(("pyai_voice", "uvicorn"))]


async def test_middleware_can_change_what_a_client_sees() -> None:
    async with serve(middleware=[Middleware(Deaf)]) as local, local.stream() as socket:
        await socket.send(COMMIT)
        pong = await socket.ping()
        async with asyncio.timeout(5):
            await pong
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await socket.recv()
