"""The AMD stream over a real socket, as Twilio and as our own client speak it; the engines follow simple rules."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from pyai_voice import g711
from pyai_voice.amd import AmdStream
from pyai_voice.amd_events import AmdDecision
from pyai_voice.amd_options import AmdOptions
from pyai_voice.errors import AuthenticationError, PermissionDeniedError
from pyai_voice.options import Endpoint
from pyai_voice.server.serving import bind, serving
from pyai_voice.server.settings import Settings
from pyai_voice.webhooks import SIGNATURE_HEADER, verify_webhook
from tests.server.conftest import Local, serve
from tests.server.fakes import silence, tone

PATH = "/v1/amd/stream"
RATE = 8000


def voice(seconds: float) -> bytes:
    """Return what the test engines take for speech, and nobody for a tone."""
    return (np.random.default_rng(1).normal(size=round(seconds * RATE)) * 4000).astype("<i2").tobytes()


HELLO = silence(0.2, RATE) + voice(0.5) + silence(3.0, RATE)
BEEP = silence(0.2, RATE) + voice(1.0) + silence(0.4, RATE) + tone(0.6, RATE, 1000.0) + silence(1.0, RATE)
FOREVER = silence(16.0, RATE)


def media(pcm: bytes, track: str = "inbound") -> list[str]:
    """Return sound in messages of 20 ms."""
    coded = g711.encode(pcm)
    pieces = [base64.b64encode(coded[at : at + 160]).decode() for at in range(0, len(coded), 160)]
    return [json.dumps({"event": "media", "media": {"track": track, "payload": piece}}) for piece in pieces]


def start(**parameters: str) -> str:
    return json.dumps({"event": "start", "start": {"callSid": "CA1", "customParameters": parameters}})


def dial(local: Local, query: str = "", **options: Any) -> connect:
    """Connect as Twilio does: without header, subprotocol or key."""
    return connect(f"ws{local.server.base_url.removeprefix('http')}{PATH}{query}", compression=None, **options)


async def told(socket: ClientConnection) -> list[dict[str, Any]]:
    """Return all that the server says until it closes."""
    messages = list[dict[str, Any]]()
    with suppress(ConnectionClosed):
        while True:
            messages.append(json.loads(await socket.recv()))
    return messages


async def call(local: Local, pcm: bytes, **parameters: str) -> dict[str, Any]:
    """Make a whole call and return its decision."""
    async with asyncio.timeout(30), dial(local) as socket:
        await socket.send('{"event":"connected","protocol":"Call","version":"1.0.0"}')
        await socket.send(start(api_key=local.server.api_key, **parameters))
        for message in media(pcm):
            await send(socket, message)
        (decision,) = await told(socket)
        assert socket.close_code == 1000
        return decision


async def send(socket: ClientConnection, message: str) -> None:
    with suppress(ConnectionClosed):
        await socket.send(message)


async def records(local: Local, query: str = "") -> list[dict[str, Any]]:
    return (await local.get(f"/v1/amd/calls{query}")).json()["data"]


@pytest.mark.conforms("M-01")
async def test_twilio_is_told_once_who_has_answered(local: Local) -> None:
    decision = await call(local, HELLO, lead="42")
    assert {name: decision[name] for name in ("event", "answered_by", "answered_by_twilio", "custom_parameters")} == {
        "event": "amd",
        "answered_by": "human",
        "answered_by_twilio": "human",
        "custom_parameters": {"lead": "42"},
    }
    assert 1000 < decision["decision_ms"] < 2500
    assert 0.5 <= decision["confidence"] <= 1.0
    assert decision["reason"]


async def test_a_beep_is_the_end_of_a_machines_greeting(local: Local) -> None:
    decision = await call(local, BEEP)
    assert (decision["answered_by"], decision["answered_by_twilio"]) == ("machine", "machine_end_beep")
    (record,) = await records(local)
    assert (record["answered_by"], record["subtype"], record["status"]) == ("voicemail", "voicemail", "completed")


async def test_the_record_has_the_finer_word_and_everything_that_was_said(local: Local) -> None:
    parameters = {"session_label": "sale 7", "aggressiveness": "0.8", "decision_timeout_ms": "5000", "lead": "42"}
    decision = await call(local, BEEP, **parameters)
    (record,) = await records(local, "?session_label=sale 7")
    assert await records(local, "?session_label=other") == []
    assert record == (await local.get(f"/v1/amd/calls/{decision['call_id']}")).json()
    same = ("call_id", "answered_by_twilio", "confidence", "decision_ms", "reason", "custom_parameters")
    assert {name: record[name] for name in same} == {name: decision[name] for name in same}
    assert (record["aggressiveness"], record["decision_timeout_ms"]) == (0.8, 5000)
    assert record["answered_at"] <= record["created_at"]
    assert record["decision_elapsed_ms"] >= 0


async def test_half_a_surrogate_pair_does_not_stand_in_the_way(local: Local) -> None:
    await call(local, HELLO, lead="\ud800", other="\U0001f600")
    (record,) = await records(local)
    assert record["custom_parameters"] == {"lead": "?", "other": "\U0001f600"}


@pytest.mark.conforms("M-02")
async def test_an_inconclusive_call_is_unknown_at_its_time(local: Local) -> None:
    decision = await call(local, FOREVER, decision_timeout_ms="2000", aggressiveness="0")
    assert (decision["answered_by"], decision["rule_id"], decision["decision_ms"]) == (
        "unknown",
        "decision_timeout",
        2000,
    )
    assert not AmdDecision(decision["answered_by"], decision["answered_by_twilio"]).is_machine()


async def test_there_is_always_a_decision(local: Local) -> None:
    noise = voice(1.0)[: 2 * 1600] + silence(0.4, RATE)
    decision = await call(local, noise * 40, aggressiveness="0")
    assert decision["answered_by"] in ("machine", "unknown")
    assert decision["decision_ms"] <= 15000


async def test_when_the_call_ends_early_it_is_decided_with_what_was_heard(local: Local) -> None:
    async with asyncio.timeout(20), dial(local) as socket:
        await socket.send(start(api_key=local.server.api_key))
        for message in media(HELLO[: 2 * 8000]):
            await socket.send(message)
        await socket.send('{"event":"stop"}')
        (decision,) = await told(socket)
    assert decision["answered_by"] == "human"


async def test_a_client_that_goes_leaves_a_record_and_no_slot_taken() -> None:
    async with serve(Settings(max_streams=1, outbound_loopback=True)) as local, receiver() as (url, taken):
        for number in range(3):
            async with dial(local) as socket:
                await socket.send(start(api_key=local.server.api_key, webhook=url))
                for message in media(voice(0.1)):
                    await socket.send(message)
            async with asyncio.timeout(10):
                await taken.get()  # posted after the place is free
            assert local.server.app.state.unknown_callers.taken == 0
            assert [record["answered_by"] for record in await records(local)] == ["unknown"] * (number + 1)


async def test_callers_without_a_key_take_no_place_of_those_who_have_one() -> None:
    async with serve(Settings(max_streams=1)) as local, dial(local), local.stream():
        with pytest.raises(InvalidStatus, match="429"):
            async with dial(local):
                pass
        with pytest.raises(InvalidStatus, match="429"):
            async with dial(local, f"?api_key={local.server.api_key}"):
                pass


async def test_who_says_nothing_is_not_waited_for() -> None:
    async with serve(Settings(receive_stall=0.3)) as local:
        async with asyncio.timeout(20), dial(local) as socket:
            (error,) = await told(socket)
            assert (error["code"], socket.close_code) == ("invalid_request", 1008)
        async with asyncio.timeout(20), dial(local) as socket:
            await socket.send(start(api_key=local.server.api_key))
            (decision,) = await told(socket)
            assert decision["answered_by"] == "unknown"
        async with dial(local):
            pass  # and who goes before he has begun leaves nothing
        assert len(await records(local)) == 1


async def test_the_outbound_track_is_our_own_voice(local: Local) -> None:
    async with asyncio.timeout(20), dial(local) as socket:
        await socket.send(start(api_key=local.server.api_key, decision_timeout_ms="1000"))
        for message in [*media(voice(3.0), "outbound"), *media(silence(1.0, RATE))]:
            await socket.send(message)
        (decision,) = await told(socket)
    assert (decision["answered_by"], decision["decision_ms"]) == ("unknown", 1000)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (start(), "unauthorized"),
        (start(api_key="pyai_test_wrong"), "unauthorized"),
        (media(HELLO)[0], "unauthorized"),
        ('{"event":"stop"}', "invalid_request"),
    ],
    ids=["no key", "a wrong key", "sound first", "no start"],
)
async def test_nothing_is_heard_without_a_key(local: Local, message: str, code: str) -> None:
    async with asyncio.timeout(20), dial(local) as socket:
        await socket.send(message)
        if "media" in message:
            await socket.send(start())
        (error,) = await told(socket)
        assert (error["event"], error["code"], error["error"]["code"]) == ("error", code, code)
        assert socket.close_code == 1008
    assert await records(local) == []


async def test_a_key_without_the_scope_is_refused(local: Local) -> None:
    secret = (await local.server.app.state.stores.keys.mint(("hear:*",))).secret
    async with asyncio.timeout(20), dial(local) as socket:
        await socket.send(start(api_key=secret))
        (error,) = await told(socket)
        assert error["code"] == "insufficient_scope"
        assert secret not in json.dumps(error)
    endpoint = Endpoint.from_env(secret, local.server.base_url)
    async with AmdStream(endpoint) as amd:
        with pytest.raises(PermissionDeniedError):
            await amd.decision()


async def test_a_wrong_key_at_the_upgrade_is_refused_before_it(local: Local) -> None:
    with pytest.raises(InvalidStatus, match="401"):
        async with dial(local, "?api_key=wrong"):
            pass
    async with AmdStream(Endpoint.from_env("wrong", local.server.base_url)) as amd:
        with pytest.raises(AuthenticationError):
            await amd.decision()


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"aggressiveness": "2"}, "invalid_request"),
        ({"decision_timeout_ms": "20000"}, "invalid_request"),
        ({"webhook": "http://10.0.0.1/x"}, "invalid_request"),
        ({"webhook": "https://me:secret@example.com/"}, "invalid_request"),
    ],
)
async def test_a_wrong_parameter_closes_the_stream(local: Local, parameters: dict[str, str], code: str) -> None:
    async with asyncio.timeout(20), dial(local) as socket:
        await socket.send(start(api_key=local.server.api_key, **parameters))
        (error,) = await told(socket)
        assert error["code"] == code
        assert next(iter(parameters)) in error["message"]
        assert socket.close_code == 1008


async def test_a_wrong_query_and_another_sound_are_refused(local: Local) -> None:
    with pytest.raises(InvalidStatus, match="400"):
        async with dial(local, f"?aggressiveness=high&api_key={local.server.api_key}"):
            pass
    wide = {"event": "start", "start": {"mediaFormat": {"encoding": "audio/x-l16", "sampleRate": 16000}}}
    async with asyncio.timeout(20), dial(local, f"?api_key={local.server.api_key}") as socket:
        await socket.send(json.dumps(wide))
        (error,) = await told(socket)
        assert error["code"] == "unsupported_format"
    assert (await local.get(PATH)).status_code == 426


async def test_an_engine_that_fails_is_told_and_recorded(local: Local) -> None:
    local.engines.recognizer.error = RuntimeError("broken")  # type: ignore[attr-defined]
    async with asyncio.timeout(20), dial(local) as socket:
        await socket.send(start(api_key=local.server.api_key))
        for message in media(HELLO):
            await send(socket, message)
        (error,) = await told(socket)
        assert (error["code"], socket.close_code) == ("internal_error", 1011)
    (record,) = await records(local)
    assert record["status"] == "failed"
    assert record["answered_by"] is None
    assert "broken" not in json.dumps(record)


async def test_the_organisations_own_setting_counts_where_the_call_says_nothing(local: Local) -> None:
    assert (await local.post("/v1/amd/config", json={"aggressiveness": 1.0})).status_code == 200
    soon = await call(local, HELLO)
    late = await call(local, HELLO, aggressiveness="0")
    assert soon["decision_ms"] < late["decision_ms"]


async def test_our_own_client_is_understood(local: Local) -> None:
    endpoint = Endpoint.from_env(local.server.api_key, local.server.base_url)
    options = AmdOptions(session_label="ours", parameters={"lead": "42"}, aggressiveness=0.9)
    async with asyncio.timeout(20), AmdStream(endpoint, options) as amd:
        amd.send_audio(HELLO)
        decision = await amd.decision()
    assert decision.is_human()
    assert decision.parameters == {"lead": "42"}
    (record,) = await records(local, "?session_label=ours")
    assert record["call_id"] == decision.call_id


# -- webhook ----------------------------------------------------------------------------------------


@asynccontextmanager
async def receiver() -> AsyncGenerator[tuple[str, asyncio.Queue[tuple[bytes, str]]]]:
    """Take webhooks on this machine."""
    taken = asyncio.Queue[tuple[bytes, str]]()

    async def take(request: Request) -> Response:
        taken.put_nowait((await request.body(), request.headers[SIGNATURE_HEADER]))
        return Response(status_code=204)

    app = Starlette(routes=[Route("/amd", take, methods=["POST"])])
    async with serving(app, Settings(), bind()) as (_, url):
        yield f"{url}/amd", taken


async def test_the_decision_is_posted_with_a_signature() -> None:
    async with serve(Settings(outbound_loopback=True)) as local, receiver() as (url, taken):
        secret = (await local.post("/v1/webhooks/signing-secret")).json()["secret"]
        decision = await call(local, BEEP, webhook=url, lead="42", session_label="sale 7")
        async with asyncio.timeout(20):
            body, signature = await taken.get()
        verify_webhook(body, signature, secret)
        news = json.loads(body)
        assert news["event"] == "amd.call.completed"
        assert (news["answered_by"], news["subtype"]) == ("voicemail", "voicemail")
        assert news["custom_parameters"] == {"lead": "42"}
        same = ("call_id", "answered_by_twilio", "confidence", "decision_ms", "reason")
        assert {name: news[name] for name in same} == {name: decision[name] for name in same}
        assert (news["session_label"], news["status"], news["org_id"]) == ("sale 7", "completed", "org_local")
        assert local.server.app.state.unknown_callers.taken == 0


async def test_the_organisations_webhook_is_told_where_the_call_names_none() -> None:
    async with serve(Settings(outbound_loopback=True)) as local, receiver() as (url, taken):
        assert (await local.post("/v1/amd/config", json={"webhook_url": url})).status_code == 200
        await call(local, HELLO)
        async with asyncio.timeout(20):
            body, _ = await taken.get()
        assert json.loads(body)["answered_by"] == "human"
