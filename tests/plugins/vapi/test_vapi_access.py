"""Who may ask, and what else is refused: the right status, one line of log without a secret, nothing left running."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time
from contextlib import aclosing
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from pyai_voice.client import Client
from pyai_voice.errors import ConfigurationError
from pyai_voice.testing.faults import Hang
from tests.plugins.vapi.vapi_house import SECRET, TEXT, House, Lines, house, voice_request
from vapi_pyai import Access, EndpointingOptions, Signature, Token, VapiOptions, create_app

TOKEN = "bearer_canary_0123456789"
KEY = "hmac_canary_0123456789"
BODY = json.dumps(voice_request()).encode()
CONTRACTS = ["/voice", "/endpointing", "/knowledge", "/llm/chat/completions"]


def signed(body: bytes = BODY, *, secret: str = KEY, at: float | None = None) -> dict[str, str]:
    """Sign as Vapi's HMAC credential does by default."""
    stamp = str(int((time.time() if at is None else at) * 1000))
    return {
        "x-timestamp": stamp,
        "x-signature": hmac.new(secret.encode(), f"{stamp}.".encode() + body, "sha256").hexdigest(),
    }


async def post(
    there: House, headers: dict[str, str] | None, body: bytes = BODY, path: str = "/voice"
) -> httpx.Response:
    async with httpx.AsyncClient(base_url=there.url, trust_env=False) as http:
        return await http.post(path, headers=headers, content=body)


def all_three() -> Access:
    return Access(Token(SECRET), Token.bearer(TOKEN), Signature(KEY))


async def test_each_credential_opens_the_door() -> None:
    async with house(access=all_three()) as there:
        for headers in ({"x-vapi-secret": SECRET}, {"Authorization": f"Bearer {TOKEN}"}, signed()):
            assert (await post(there, headers)).status_code == 200


WRONG: list[dict[str, str]] = [
    {},
    {"x-vapi-secret": ""},
    {"x-vapi-secret": "wrong_canary_0123456789"},
    {"x-vapi-secret": TOKEN},
    {"x-vapi-secret": "\xe9\xff".encode("latin-1").decode("latin-1")},
    {"Authorization": TOKEN},
    {"Authorization": f"Basic {TOKEN}"},
    {"Authorization": "Bearer wrong_canary"},
    {"x-vapi-secret": SECRET, "Authorization": "Bearer wrong_canary"},
    signed(b"another body"),
    signed(secret="another_canary_0123456789"),
    signed(at=time.time() - 600),
    signed(at=time.time() + 6000),
    {**signed(), "x-timestamp": "0"},
    {**signed(), "x-timestamp": "today"},
    {"x-signature": signed()["x-signature"]},
    {**signed(), "x-signature": "\xe9"},
]


@pytest.mark.parametrize("path", CONTRACTS)
async def test_a_wrong_or_missing_credential_is_401_even_beside_a_right_one(log: Lines, path: str) -> None:
    async with house(access=all_three()) as there:
        for headers in WRONG:
            log.lines.clear()
            raw: Any = {name: value.encode("latin-1") for name, value in headers.items()}
            response = await post(there, raw, path=path)
            assert response.status_code == 401, headers
            (line,) = log.lines
            assert " 401, " in line
            assert "canary" not in line + response.text
        assert not there.pyai.requests


async def test_a_signature_is_good_once(log: Lines) -> None:
    async with house(access=all_three()) as there:
        headers = signed()
        answers = [await post(there, headers) for _ in range(2)]
        assert [each.status_code for each in answers] == [200, 401]
        assert (await post(there, signed(at=time.time() + 1))).status_code == 200
    assert log.lines[1] == "voice 401, unauthorized: signature came before"


async def test_a_signature_opens_the_transcriber_by_its_time_alone() -> None:
    async with house(access=Access(Signature(KEY))) as there:
        headers = signed(b"")
        for _ in range(2):  # two calls may begin in the same millisecond
            async with there.transcriber(additional_headers=headers):
                pass


def test_every_setting_of_vapis_hmac_credential_is_understood() -> None:
    secret = b"0123456789abcdef-binary"
    access = Signature(
        "whsec_" + base64.b64encode(secret).decode(),
        algorithm="sha512",
        header="webhook-signature",
        timestamp_header="webhook-timestamp",
        message_id_header="webhook-id",
        prefix="v1,",
        payload_format="{svix-id}.{timestamp}.{body}",
        encoding="base64",
        secret_is_base64=True,
    )
    stamp = str(int(time.time()))
    right = base64.b64encode(hmac.digest(secret, f"msg_1.{stamp}.".encode() + BODY, "sha512")).decode()
    headers = {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": f"v1,{right}"}
    assert access.judge(Headers(headers), BODY) == [""]
    assert access.judge(Headers({**headers, "webhook-id": "msg_2"}), BODY) == ["wrong signature"]
    assert access.judge(Headers({}), BODY) == []


def test_the_older_signature_of_knowledge_bases_has_no_time() -> None:
    access = Signature.undated(SECRET)
    headers = Headers({"x-vapi-signature": "sha256=" + hmac.new(SECRET.encode(), BODY, "sha256").hexdigest()})
    assert access.judge(headers, BODY) == access.judge(headers, BODY) == [""]


def test_a_bearer_token_may_have_another_header_and_no_prefix() -> None:
    access = Token.bearer(TOKEN, "X-Api-Token", prefix=False)
    assert access.judge(Headers({"x-api-token": TOKEN}), b"") == [""]
    assert access.judge(Headers({"x-api-token": f"Bearer {TOKEN}"}), b"") == ["wrong secret"]


def test_more_signatures_than_can_be_remembered_are_refused() -> None:
    access = Signature(KEY, most=2)
    verdicts = [access.judge(Headers(signed(body)), body) for body in (b"1", b"2", b"3")]
    assert verdicts == [[""], [""], ["too many signatures to remember"]]


def test_signatures_that_are_too_old_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    access, now = Signature(KEY, most=1), time.time()
    assert access.judge(Headers(signed(b"1", at=now)), b"1") == [""]
    monkeypatch.setattr(time, "time", lambda: now + 601)
    assert access.judge(Headers(signed(b"2")), b"2") == [""]
    assert access.judge(Headers(signed(b"1", at=now)), b"1") == ["signed at another time"]


def test_a_time_that_is_no_number_is_refused_also_where_it_is_signed() -> None:
    right = hmac.new(KEY.encode(), b"today." + BODY, "sha256").hexdigest()
    headers = Headers({"x-timestamp": "today", "x-signature": right})
    assert Signature(KEY).judge(headers, BODY) == ["time-stamp is no number"]


@given(header=st.text(max_size=40), body=st.binary(max_size=20))
def test_no_header_breaks_the_comparison(header: str, body: bytes) -> None:
    value = header.encode("utf-8", "replace").decode("latin-1")
    headers = Headers({"x-vapi-secret": value, "x-signature": value, "x-timestamp": value, "authorization": value})
    for credential in (Token(SECRET), Token.bearer(TOKEN), Signature(KEY)):
        assert all(credential.judge(headers, body))


def test_nobody_may_ask_by_default() -> None:
    with pytest.raises(ConfigurationError, match="A secret is needed"):
        Access()


@pytest.mark.parametrize("make", [Token, Token.bearer, Signature, Signature.undated])
def test_a_short_secret_is_none(make: Any) -> None:
    with pytest.raises(ConfigurationError, match="16 characters"):
        make("secret")


@pytest.mark.parametrize("payload", ["", "{timestamp}", "{body}{url}"])
def test_a_payload_that_cannot_be_checked_is_refused_at_once(payload: str) -> None:
    with pytest.raises(ConfigurationError, match="payload_format"):
        Signature(KEY, payload_format=payload)


def test_a_secret_that_is_not_base64_is_refused_at_once() -> None:
    with pytest.raises(ConfigurationError, match="base64"):
        Signature("not base64 at all!!", secret_is_base64=True)


def test_no_secret_is_in_a_repr() -> None:
    assert SECRET not in repr(Token(SECRET))
    assert KEY not in repr(vars(Access(Signature(KEY))))


async def test_insecure_is_for_this_machine_alone(log: Lines) -> None:
    async with house(access=Access(insecure=True)) as there:
        assert (await post(there, {})).status_code == 200
        assert (await post(there, {"X-Forwarded-For": "203.0.113.9"})).status_code == 403
        assert (await post(there, {"Host": "rebound.example"})).status_code == 403
        assert (await post(there, {"Origin": "https://page.example"})).status_code == 403
    assert log.lines[1:] == ["voice 403, forbidden: only for programs of this machine"] * 3


async def test_insecure_refuses_another_machine() -> None:
    """An address of another machine cannot be had here, so the server says it has one."""
    async with aclosing(Client.for_host(None, "key_0123456789", "http://127.0.0.1:9")) as client:
        app = create_app(Access(insecure=True), client)
        transport = httpx.ASGITransport(app, client=("203.0.113.9", 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://vapi") as http:
            assert (await http.post("/voice", content=BODY)).status_code == 403


async def test_an_application_without_a_client_makes_one_and_closes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with house() as there:
        monkeypatch.setenv("PYAI_API_KEY", there.pyai.api_key)
        monkeypatch.setenv("PYAI_BASE_URL", there.pyai.base_url)
        app = create_app(Access(Token(SECRET)))
        headers = {"x-vapi-secret": SECRET}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://vapi", headers=headers
        ) as http:
            async with app.router.lifespan_context(app):
                assert (await http.post("/voice", content=BODY)).status_code == 200
            assert (await http.post("/voice", content=BODY)).json()["error"]["message"] == "PyAI: closed"


async def test_a_server_that_cannot_answer_an_upgrade_closes_it() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async with aclosing(Client.for_host(None, "key_0123456789", "http://127.0.0.1:9")) as client:
        scope = {"type": "websocket", "path": "/transcriber", "headers": [], "query_string": b"", "client": ("::1", 1)}
        await create_app(Access(Token(SECRET)), client)(scope, receive, send)
    assert [each["type"] for each in sent] == ["websocket.close"]


# What is wrong with a request


def message(**changes: Any) -> bytes:
    return json.dumps({"message": {"type": "voice-request", "text": TEXT, "sampleRate": 24000, **changes}}).encode()


WRONG_REQUESTS: list[tuple[bytes, int, str]] = [
    (b"", 400, "JSON"),
    (b"\xff\xfe", 400, "JSON"),
    (b"[]", 400, "JSON object"),
    (b"{}", 400, "message"),
    (b'{"messsage": {"type": "voice-request"}}', 400, "message"),
    (b'{"message": "voice_canary"}', 400, "message"),
    (message(type="call.endpointing.request"), 400, "message.type"),
    (message(type=None), 400, "message.type"),
    (message(text=""), 400, "nothing to say"),
    (message(text=" \n\t"), 400, "nothing to say"),
    (message(text=7), 400, "message.text"),
    (message(text="x" * 10_000), 413, "at most 4096 characters, got 10000"),
    (message(sampleRate=48000), 400, "8000, 16000, 22050, 24000, 44100"),
    (message(sampleRate=0), 400, "message.sampleRate"),
    (message(sampleRate="fast"), 400, "message.sampleRate"),
    (message(sampleRate=None), 400, "message.sampleRate"),
    (message(artifact="x" * 20_000), 413, "larger than 16384 bytes"),
    (b'{"message":' * 1000, 400, ""),
]


async def test_a_wrong_voice_request_costs_nothing(log: Lines) -> None:
    async with house(VapiOptions(max_body=16384)) as there:
        for body, status, said in WRONG_REQUESTS:
            log.lines.clear()
            response = await there.http.post("/voice", content=body)
            assert (response.status_code, said in response.json()["error"]["message"]) == (status, True), body[:80]
            (line,) = log.lines
            assert line.startswith(f"voice {status}, ")
            assert "canary" not in response.text + line
        assert not there.pyai.requests


async def test_a_rate_may_be_a_whole_number_with_a_point() -> None:
    async with house() as there:
        assert (await there.say(rate=8000.0)).status_code == 200  # pyright: ignore[reportArgumentType] - as JSON may


async def test_the_wrong_message_is_refused_by_every_contract() -> None:
    async with house() as there:
        for path in ("/endpointing", "/knowledge"):
            for body in (b"{}", message(), b'{"message": {}}'):
                assert (await there.http.post(path, content=body)).status_code == 400


async def test_a_body_that_does_not_come_is_given_up(log: Lines) -> None:
    async with house(VapiOptions(stall=0.2)) as there:
        reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(there.url).port)
        head = f"POST /voice HTTP/1.1\r\nHost: vapi\r\nX-Vapi-Secret: {SECRET}\r\nContent-Length: 9\r\n\r\n{{"
        writer.write(head.encode())
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert log.lines == ["voice 408, request_timeout: The rest of the body did not come"]


async def test_one_request_too_many_is_told_to_come_again(log: Lines) -> None:
    async with house(VapiOptions(most=1), speak=[Hang()]) as there:
        first = asyncio.create_task(there.say())
        await there.pyai.until(lambda: there.pyai.requests)
        second = await there.say()
        first.cancel()
        await asyncio.wait([first])
    assert (second.status_code, second.headers["retry-after"]) == (429, "1")
    assert log.lines[0] == "voice 429, concurrency_limit_exceeded: All 1 places are in use"


async def test_there_is_nothing_else() -> None:
    async with house() as there:
        for method, path, status in (("GET", "/voice", 405), ("POST", "/", 404), ("GET", "/x", 404)):
            assert (await there.http.request(method, path)).status_code == status


async def test_an_address_in_a_request_is_never_called() -> None:
    called: list[object] = []
    trap = await asyncio.start_server(lambda *each: called.append(each), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{trap.sockets[0].getsockname()[1]}/"
    server = {"url": url, "headers": {"x": url}}
    async with trap, house() as there:
        said = voice_request(assistant={"voice": {"server": server}, "server": server}, audio_url=url, kb_endpoint=url)
        assert (await there.http.post("/voice", json=said)).status_code == 200
        await there.http.post(
            "/llm/chat/completions", json={"base_url": url, "url": url, "model": "m", "messages": [{}]}
        )
    assert not called


async def test_refusals_and_hang_ups_leave_no_task_behind() -> None:
    async with house() as there:
        await there.say()
        before = len(asyncio.all_tasks())
        for _ in range(3):
            there.pyai.speak.extend([Hang()] * 10)
            hung = [asyncio.create_task(there.say()) for _ in range(10)]
            await asyncio.gather(*(there.say("") for _ in range(20)))
            for each in hung:
                each.cancel()
            await asyncio.wait(hung)
        await there.pyai.until(lambda: not any(each.open for each in there.pyai.requests))
        for _ in range(100):
            if len(asyncio.all_tasks()) <= before:
                break
            await asyncio.sleep(0.05)
        assert len(asyncio.all_tasks()) <= before


async def test_upstream_dead_is_502_and_says_when_to_come_again(log: Lines) -> None:
    async with house(VapiOptions(first_audio=1.0)) as there:
        await there.pyai.stop()
        response = await there.say()
    assert (response.status_code, response.headers["retry-after"]) == (502, "1")
    (line,) = log.lines
    assert line.startswith("voice 502, ")
    assert line.endswith("PyAI: cannot_connect")


def test_a_wrong_option_is_named() -> None:
    with pytest.raises(ConfigurationError, match="decided"):
        EndpointingOptions(decided=16)


async def test_no_secret_and_no_word_is_in_any_log(everything: Lines) -> None:
    async with house(access=all_three()) as there:
        for headers in ({"x-vapi-secret": SECRET}, {"Authorization": f"Bearer {TOKEN}"}, {}, signed()):
            await post(there, headers, json.dumps(voice_request("A private sentence.")).encode())
    said = "\n".join(everything.lines)
    assert "voice 200" in said
    for secret in (SECRET, TOKEN, KEY, there.pyai.api_key, "private"):
        assert secret not in said
