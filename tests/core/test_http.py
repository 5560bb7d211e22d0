"""HTTP on real sockets: refusals in every envelope, what is no PyAI server, repeats, uploads that are cut short."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from pyai_voice.errors import (
    ConnectivityError,
    ProtocolError,
    PyAIError,
    RateLimitError,
    RequestError,
    ServerError,
    ServiceError,
    StalledError,
)
from pyai_voice.exchange import Answer, Timeouts
from pyai_voice.http import LARGEST_ERROR, HttpClient
from tests.core.http_support import OK, UPLOAD, client_of, refusal
from tests.core.scripted_http import Peer, Reply, answering, hang, hang_up, scripted, speaking

Write = Callable[[HttpClient], Awaitable[Answer]]
WRITES: list[Write] = [
    lambda client: client.upload("/audio/transcriptions", {}, "file", ("a.wav", b"RIFF", "audio/wav"), 10.0),
    lambda client: client.send("POST", "/knowledgebases", {"name": "house"}),
    lambda client: client.send("DELETE", "/knowledgebases/kb_1"),
]


# Envelopes


@pytest.mark.conforms("A-07")
async def test_the_data_planes_envelope_is_read() -> None:
    body = {"error": {"message": "Unknown model 'x'.", "type": "y", "code": "unknown_model", "param": None}}
    async with client_of(answering(400, body, **{"X-Request-ID": "req_1"})) as (client, _):
        error = await refusal(client)
    assert isinstance(error, RequestError)
    assert (error.status, error.code, error.message) == (400, "unknown_model", "Unknown model 'x'.")
    assert error.request_id == "req_1"


@pytest.mark.conforms("A-07")
async def test_the_control_planes_envelope_is_read() -> None:
    body = (
        b'{"type": "https://api.pyai.com/problems/sandbox_limit_reached", "title": "Too many", "status": 429,'
        b' "detail": "Wait a day.", "request_id": "req_2"}'
    )
    async with client_of(answering(429, body, "application/problem+json")) as (client, _):
        error = await refusal(client)
    assert isinstance(error, RateLimitError)
    assert (error.code, error.message, error.request_id) == ("sandbox_limit_reached", "Wait a day.", "req_2")
    assert not error.retryable


async def test_an_envelope_without_a_code_keeps_its_words() -> None:
    body = {"error": {"message": "Invalid API key", "type": "invalid_request_error", "param": None}}
    async with client_of(answering(401, body)) as (client, _):
        error = await refusal(client)
    assert "Invalid API key" in str(error)
    assert "PYAI_API_KEY" in error.hint


@pytest.mark.conforms("A-08")
@pytest.mark.parametrize("body", [b"", b"<html>nginx</html>", b"\xff\xfe\x00", b"[]", b'"no"', b"{" * 50_000])
async def test_a_body_that_is_no_envelope_leaves_the_status(body: bytes) -> None:
    async with client_of(answering(404, body, "text/html")) as (client, _):
        error = await refusal(client)
    assert isinstance(error, RequestError)
    assert (error.status, error.code) == (404, "")
    assert "404 Not Found" in str(error)


async def test_an_error_body_without_end_is_read_in_part() -> None:
    async def reply(peer: Peer) -> None:
        await peer.head(400, "application/json")
        while True:
            await peer.chunk(b" " * LARGEST_ERROR)

    async with client_of(reply) as (client, _), asyncio.timeout(20):
        assert (await refusal(client)).status == 400


async def test_a_long_message_is_cut() -> None:
    body = {"error": {"message": "no " * 5000, "code": "x" * 5000}}
    async with client_of(answering(400, body)) as (client, _):
        error = await refusal(client)
    assert len(str(error)) < 1000
    assert len(error.code) <= 64


@pytest.mark.parametrize("cut", [True, False])
async def test_an_error_body_that_never_ends_or_is_cut_still_is_the_error(cut: bool) -> None:
    async def reply(peer: Peer) -> None:
        await peer.head(403, "application/json")
        await peer.chunk(b'{"error":')
        await (hang_up(peer) if cut else peer.gone())

    async with client_of(reply, timeouts=Timeouts(gap=0.1)) as (client, _):
        assert (await refusal(client)).status == 403


async def test_a_server_error_keeps_its_retry_hint() -> None:
    async with client_of(answering(503, retry_after="90"), window=0.1) as (client, _):
        error = await refusal(client)
    assert isinstance(error, ServerError)
    assert error.retry_after == 90


# What is no PyAI server


@pytest.mark.parametrize("location", ["http://127.0.0.2:{port}/v1/me", "https://elsewhere.example/", "/v2/me", ""])
async def test_a_redirect_is_an_error_and_nobody_else_gets_the_key(location: str) -> None:
    async with scripted(OK) as elsewhere:
        there = answering(302, b"", location=location.format(port=elsewhere.port))
        async with client_of(there) as (client, server):
            error = await refusal(client)
        assert elsewhere.connections == 0
    assert isinstance(error, ProtocolError)
    assert "redirects" in str(error) and "base_url" in str(error)
    assert len(server.requests) == 1


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.9\r\n\r\n", b"\x16\x03\r\n\r\n", b"HTTP/9 what\r\n\r\n"])
async def test_what_does_not_speak_http_is_named(greeting: bytes) -> None:
    async def reply(peer: Peer) -> None:
        await peer.send(greeting * 3)

    async with client_of(reply) as (client, _):
        error = await refusal(client)
    assert isinstance(error, ProtocolError)
    assert "not a PyAI server" in str(error)


async def test_a_web_page_is_not_json() -> None:
    async with client_of(answering(200, b"<html>Welcome</html>", "text/html; charset=utf-8")) as (client, _):
        answer = await client.get("/me")
    with pytest.raises(ProtocolError, match="text/html") as caught:
        answer.json()
    assert caught.value.__context__ is None


async def test_an_answer_that_is_compressed_is_refused() -> None:
    async with client_of(answering(200, b"\x1f\x8b", content_encoding="gzip")) as (client, server):
        error = await refusal(client)
    assert isinstance(error, ProtocolError)
    assert server.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("body", [b'{"error": {"code": "unknown_voice", "message": "x"}}', b'{"error": "x"}'])
def test_an_error_in_a_good_answer_is_an_error(body: bytes) -> None:
    with pytest.raises(ServiceError, match="x"):
        Answer(body, "application/json", "req_1").json()


async def test_an_answer_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyai_voice.http.LARGEST_JSON", 1000)
    async with client_of(speaking(b" " * 600, b" " * 600)) as (client, _):
        assert isinstance(await refusal(client), ProtocolError)
    async with client_of(speaking(b"[" + b" " * 997, b" ]")) as (client, _):
        assert (await client.get("/me")).json() == []


async def test_an_answer_that_drips_is_given_up() -> None:
    async def reply(peer: Peer) -> None:
        await peer.head(200, "application/json")
        while True:
            await peer.chunk(b" ")
            await asyncio.sleep(0.02)

    async with client_of(reply, timeouts=Timeouts(whole=0.2), window=0) as (client, _), asyncio.timeout(20):
        error = await refusal(client)
    assert isinstance(error, StalledError)
    assert "0.2 s" in error.message


# Repeats


@pytest.mark.conforms("A-11")
@pytest.mark.parametrize("fault", [answering(429), answering(500), answering(502), answering(503), hang_up])
async def test_reads_are_repeated(fault: Reply) -> None:
    async with client_of(fault, OK) as (client, server):
        assert (await client.get("/me")).json() == {"ok": True}
    assert len(server.requests) == 2


@pytest.mark.parametrize("fault", [answering(429), answering(503), hang_up])
async def test_without_a_window_there_is_one_attempt_and_it_has_its_time(fault: Reply) -> None:
    slow = speaking(b"[", b"]", content_type="application/json")
    async with client_of(slow, fault, OK, window=0) as (client, server):
        assert (await client.get("/me")).json() == []
        assert (await refusal(client)).retryable
        assert len(server.requests) == 2
        assert (await client.send("POST", "/x", {}, idempotency_key="once")).json() == {"ok": True}


@pytest.mark.conforms("A-11")
async def test_reads_are_repeated_after_a_stall() -> None:
    async with client_of(hang, OK, timeouts=Timeouts(first_byte=0.1)) as (client, server):
        assert (await client.get("/me")).json() == {"ok": True}
    assert len(server.requests) == 2


@pytest.mark.conforms("A-10")
@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 422])
async def test_reads_that_are_refused_are_not(status: int) -> None:
    async with client_of(answering(status), OK) as (client, server):
        assert (await refusal(client)).status == status
    assert len(server.requests) == 1


@pytest.mark.conforms("A-10")
@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("fault", [answering(429), answering(503), hang_up])
async def test_writes_are_never_repeated(fault: Reply, write: Write) -> None:
    async with client_of(fault, OK) as (client, server):
        with pytest.raises(PyAIError) as caught:
            await write(client)
    assert caught.value.retryable
    assert len(server.requests) == 1


@pytest.mark.parametrize("write", WRITES)
async def test_a_write_waits_for_a_hold_off_and_then_goes_out(write: Write) -> None:
    async with client_of(answering(429, retry_after_ms="200"), OK, window=0.1) as (client, server):
        assert (await refusal(client)).retry_after == 0.2
        client.window = 10.0
        answer = await write(client)
    assert answer.json() == {"ok": True}
    assert len(server.requests) == 2


async def test_an_object_is_sent_as_json_and_an_empty_answer_to_a_deletion_is_fine() -> None:
    async with client_of(OK, answering(204, b"")) as (client, server):
        await client.send("POST", "/x", {"name": "caf\u00e9"})
        assert (await client.send("DELETE", "/x/1")).body == b""
    posted, deleted = server.requests
    assert (posted.method, posted.headers["content-type"], posted.json) == (
        "POST",
        "application/json",
        {"name": "caf\u00e9"},
    )
    assert (deleted.method, deleted.target) == ("DELETE", "/v1/x/1")


# Uploads


@pytest.mark.conforms("A-12")
@pytest.mark.parametrize("then", ["close", "abort after the client read it", "stay"])
async def test_a_reply_during_an_upload_beats_the_broken_pipe(then: str) -> None:
    async def reply(peer: Peer) -> None:
        await answering(429, {"error": {"code": "concurrency_limit_exceeded", "message": "busy"}})(peer)
        if then == "close":
            peer.writer.close()
        elif then == "stay":
            await asyncio.sleep(30)
        else:
            await asyncio.sleep(0.2)
            peer.abort()

    for _ in range(5):
        async with client_of(reply, wants_body=False) as (client, _), asyncio.timeout(20):
            with pytest.raises(RateLimitError, match="busy") as caught:
                await client.upload("/audio/transcriptions", {}, "file", UPLOAD, 10.0)
        assert caught.value.code == "concurrency_limit_exceeded"


async def test_an_interim_reply_does_not_stop_an_upload() -> None:
    size = 0

    async def reply(peer: Peer) -> None:
        length = int(peer.headers["content-length"])
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        sizes.append(len(await peer.reader.readexactly(length)))
        await OK(peer)

    sizes: list[int] = [size]
    async with client_of(reply, wants_body=False) as (client, _):
        assert (await client.upload("/x", {}, "file", UPLOAD, 20.0)).json() == {"ok": True}
    assert sizes[-1] > len(UPLOAD[1])


async def test_a_connection_that_dies_during_an_upload_is_an_error() -> None:
    async with client_of(hang_up, wants_body=False) as (client, _):
        with pytest.raises(ConnectivityError):
            await client.upload("/x", {}, "file", UPLOAD, 10.0)


async def test_a_server_that_takes_no_upload_is_given_up() -> None:
    async def reply(peer: Peer) -> None:
        await asyncio.sleep(30)

    async with client_of(reply, wants_body=False) as (client, _), asyncio.timeout(20):
        with pytest.raises(StalledError):
            await client.upload("/x", {}, "file", UPLOAD, 0.2)
