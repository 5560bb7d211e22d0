"""Who may call: signatures of the webhook and of the upgrade, with Twilio's own validator; proxies; what is refused."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from xml.etree import ElementTree

import httpx
import pytest
from pydantic import SecretStr
from twilio.request_validator import RequestValidator
from websockets.exceptions import InvalidStatus

from pyai_voice.errors import ConfigurationError
from pyai_voice.options import Endpoint
from tests.core.omni_service import omni_service, stay
from tests.plugins.twilio.twilio_house import ACCOUNT, CALLER, NUMBER, TOKEN, Lines, house
from twilio_pyai import Access, TwilioOptions

NOBODY = Endpoint(api_key="pyai_test_canary_key_0123", base_url="http://127.0.0.1:1")
OTHER = "another_token_canary_01234567890"


def test_the_signature_is_the_one_of_twilios_page() -> None:
    """Twilio, "Webhooks security", the example of the page and of Twilio's own tests."""
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
        "Caller": "+14158675309",
    }
    signature = RequestValidator("12345").compute_signature("https://mycompany.com/myapp.php?foo=1&bar=2", form)
    assert signature == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


async def test_the_webhook_answers_with_twiml_that_streams_the_call() -> None:
    async with house(NOBODY) as twilio:
        response = await twilio.ask()
    assert (response.status_code, response.headers["content-type"]) == (200, "application/xml")
    twiml = ElementTree.fromstring(response.text)
    stream = twiml.find("./Connect/Stream")
    assert stream is not None and len(twiml) == 1, "what comes after the stream would be said after it"
    assert stream.attrib["url"] == f"ws{twilio.url.removeprefix('http')}/media"
    told = {each.attrib["name"]: each.attrib["value"] for each in stream}
    assert told == {"from": CALLER, "to": NUMBER, "direction": "inbound"}


@pytest.mark.parametrize(
    ("public", "stream"),
    [
        ("https://voice.example.com", "wss://voice.example.com/media"),
        ("https://voice.example.com:8443/calls/", "wss://voice.example.com:8443/calls/media"),
    ],
)
async def test_behind_a_proxy_the_public_address_is_signed(public: str, stream: str) -> None:
    async with omni_service(stay) as service, house(service.endpoint, public=public) as twilio:
        twilio.public = public.rstrip("/")
        twiml = ElementTree.fromstring((await twilio.ask()).text)
        assert [each.attrib["url"] for each in twiml.iter("Stream")] == [stream]
        for slash in ("", "/"):  # Twilio may sign the upgrade with a slash at the end
            signature = twilio.sign(stream + slash)
            async with twilio.socket(stream, additional_headers={"X-Twilio-Signature": signature}):
                pass
        for wrong in (stream.replace("wss", "https"), stream + "?a=b"):
            with pytest.raises(InvalidStatus):
                await twilio.socket(stream, additional_headers={"X-Twilio-Signature": twilio.sign(wrong)})


async def test_forwarded_headers_are_not_believed() -> None:
    async with house(NOBODY) as twilio:
        form = {"CallSid": "CA1"}
        signature = twilio.sign("https://voice.example.com/voice", form)
        headers = {
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "voice.example.com",
            "X-Twilio-Signature": signature,
        }
        assert (await twilio.http.post("/voice", data=form, headers=headers)).status_code == 403


async def test_a_wrong_or_missing_signature_is_refused(log: Lines) -> None:
    async with omni_service(stay) as service, house(service.endpoint) as twilio:
        wrong = [
            {"X-Other": "x"},
            {"X-Twilio-Signature": ""},
            {"X-Twilio-Signature": "AAAA"},
            {"X-Twilio-Signature": "\xff"},
            {"X-Twilio-Signature": RequestValidator(OTHER).compute_signature(f"{twilio.url}/voice", {})},
        ]
        for headers in wrong:
            form = {"CallSid": "CA1", "From": CALLER}
            response = await twilio.http.post(
                "/voice", data=form, headers=[(name, value.encode("latin-1")) for name, value in headers.items()]
            )
            assert response.status_code == 403, headers
            assert "canary" not in response.text
            with pytest.raises(InvalidStatus) as refused:
                await twilio.socket(additional_headers=headers if "\xff" not in str(headers) else {})
            assert refused.value.response.status_code == 403
        assert not service.dials, "PyAI was dialled for a stranger"
    assert len(log.lines) == 2 * len(wrong)
    assert all(line.startswith(("voice 403, ", "media 403, ")) and "canary" not in line for line in log.lines)


async def test_two_signatures_are_one_too_many() -> None:
    async with house(NOBODY) as twilio:
        form = {"CallSid": "CA1"}
        right = ("X-Twilio-Signature", twilio.sign(f"{twilio.url}/voice", form))
        assert (await twilio.http.post("/voice", data=form, headers=[right])).status_code == 200
        assert (await twilio.http.post("/voice", data=form, headers=[right, right])).status_code == 403


async def test_a_changed_form_or_address_is_refused() -> None:
    async with house(NOBODY) as twilio:
        form = {"CallSid": "CA1", "To": NUMBER}
        headers = {"X-Twilio-Signature": twilio.sign(f"{twilio.url}/voice", form)}
        changes = [({**form, "To": CALLER}, ""), ({**form, "More": "1"}, ""), ({"CallSid": "CA1"}, ""), (form, "?a=1")]
        for changed, query in changes:
            response = await twilio.http.post(f"/voice{query}", data=changed, headers=headers)
            assert response.status_code == 403, (changed, query)


async def test_a_token_is_changed_without_a_gap() -> None:
    async with house(NOBODY, access=Access(SecretStr(OTHER), TOKEN)) as twilio:
        for token in (TOKEN, OTHER):
            twilio.token = token
            assert (await twilio.ask()).status_code == 200
        twilio.token = "x" * 32
        assert (await twilio.ask()).status_code == 403


async def test_without_a_token_only_this_machine_may_call() -> None:
    async with house(NOBODY, access=Access(insecure=True)) as twilio:
        assert (await twilio.ask(**{"X-Other": "x"})).status_code == 200
        async with twilio.socket(additional_headers={}):
            pass
        for name in ("X-Forwarded-For", "Forwarded", "Via"):
            assert (await twilio.ask(**{name: "203.0.113.1"})).status_code == 403
            with pytest.raises(InvalidStatus):
                await twilio.socket(additional_headers={name: "203.0.113.1"})
        assert (await twilio.ask(Origin="https://page.example.com")).status_code == 403  # nor may a web page
        with pytest.raises(InvalidStatus):
            await twilio.socket(additional_headers={"Origin": "https://page.example.com"})


@pytest.mark.parametrize("public", ["voice.example.com", "ftp://x", "https://u:p@x", "https://x/?a=1", "https://"])
def test_a_public_address_that_is_none(public: str) -> None:
    with pytest.raises(ConfigurationError, match="public_url"):
        Access(TOKEN, public_url=public)


def test_a_token_is_needed_and_is_not_shown() -> None:
    with pytest.raises(ConfigurationError) as missing:
        Access()
    assert missing.value.code == "missing_key"
    with pytest.raises(ConfigurationError) as short:
        Access("canary")
    assert "canary" not in str(short.value)
    assert TOKEN not in repr(Access(TOKEN)) + str(vars(Access(TOKEN)))


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{}", "application/json", 415),
        (b"a=b", "", 415),
        (b"x=" + b"y" * 70000, "application/x-www-form-urlencoded", 413),
        (b"&".join(b"a%d=b" % number for number in range(2000)), "application/x-www-form-urlencoded", 400),
        (b"\xff=\xfe", "application/x-www-form-urlencoded", 403),
    ],
)
async def test_a_webhook_that_cannot_be_one(content: bytes, content_type: str, status: int, log: Lines) -> None:
    async with house(NOBODY) as twilio:
        headers = {"Content-Type": content_type, "X-Twilio-Signature": "AAAA"}
        assert (await twilio.http.post("/voice", content=content, headers=headers)).status_code == status
    assert len(log.lines) == 1 and log.lines[0].startswith(f"voice {status}, ")


async def test_a_body_that_does_not_come_is_given_up(log: Lines) -> None:
    async with house(NOBODY, options=TwilioOptions(stall=0.2)) as twilio:
        reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(twilio.url).port)
        head = "POST /voice HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        writer.write(f"{head}Content-Length: 9\r\n\r\na".encode())
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert log.lines == ["voice 408, The rest of the body did not come"]


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/voice", 405), ("POST", "/", 404), ("GET", "/media", 404)]
)
async def test_there_is_nothing_else(method: str, path: str, status: int) -> None:
    async with house(NOBODY) as twilio:
        assert (await twilio.http.request(method, path)).status_code == status


async def test_one_call_too_many_is_refused(log: Lines) -> None:
    async with (
        omni_service(stay) as service,
        house(service.endpoint, options=TwilioOptions(most=1)) as twilio,
        twilio.call(),
    ):
        with pytest.raises(InvalidStatus) as refused:
            await twilio.socket()
        assert (refused.value.response.status_code, refused.value.response.headers["Retry-After"]) == (429, "1")
    assert any("All 1 calls are in use" in line for line in log.lines)


@pytest.fixture
def everything() -> Iterator[Lines]:
    """All that is logged, whatever its level."""
    lines, root = Lines(), logging.getLogger()
    root.addHandler(lines)
    lines.addFilter(lambda record: record.name != "websockets.server")  # the test's own service
    level = root.level
    root.setLevel(logging.DEBUG)
    yield lines
    root.removeHandler(lines)
    root.setLevel(level)


async def test_no_secret_and_nobodys_number_is_in_the_log(everything: Lines, log: Lines) -> None:
    async with omni_service(stay) as service, house(service.endpoint) as twilio:
        async with twilio.call() as call:
            await service.call()
            await call.hang_up()
        await twilio.ask(**{"X-Twilio-Signature": "AAAA"})
    assert "media hung up" in "\n".join(log.lines)
    for secret in (TOKEN, service.endpoint.api_key.get_secret_value()):
        assert secret not in "\n".join(everything.lines)
    for number in (CALLER, NUMBER, ACCOUNT):
        assert number not in "\n".join(log.lines)
