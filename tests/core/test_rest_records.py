"""What all resources have in common: open records, times, pages, repeats, what is not deployed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyai_voice.client import Client
from pyai_voice.errors import (
    ConfigurationError,
    NotDeployed,
    ProtocolError,
    PyAIError,
    RequestError,
    ServerError,
    UnsupportedError,
)
from pyai_voice.exchange import Answer
from pyai_voice.options import Endpoint
from pyai_voice.rest.agents import Agent, AgentSettings
from pyai_voice.rest.amd import AmdCall
from pyai_voice.rest.calls import OmniCall
from pyai_voice.rest.jobs import Job, JobSettings
from pyai_voice.rest.knowledge import KnowledgeBase
from pyai_voice.rest.recap import RecapCall
from pyai_voice.rest.record import Record, parse
from pyai_voice.rest.telephony import PhoneNumber
from pyai_voice.rest.trace import Interaction
from pyai_voice.rest.voices import Voice
from tests.core.scripted_http import CANARY, answering, hang_up, rest, scripted

RECORDS = [Agent, AmdCall, OmniCall, Job, KnowledgeBase, RecapCall, PhoneNumber, Interaction, Voice]
ANSWER = Answer(b"", "application/json", "req_1")

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("kind", RECORDS)
@given(data=st.data())
def test_whatever_a_server_sends_is_a_record_or_a_protocol_error(kind: type[Record], data: st.DataObject) -> None:
    fields = data.draw(st.dictionaries(st.sampled_from(list(kind.model_fields)), values))
    try:
        record = parse(kind, fields, ANSWER)
    except ProtocolError as error:
        assert error.__context__ is None and error.request_id == "req_1"
        return
    required = [name for name, field in kind.model_fields.items() if field.is_required()]
    assert all(getattr(record, name) for name in required)


def test_what_nobody_has_told_us_of_is_kept_under_its_own_name() -> None:
    call = parse(AmdCall, {"call_id": "C_1", "answered_by": "robot_butler", "mood": {"joy": 3}}, ANSWER)
    assert call.answered_by == "robot_butler"
    assert call.model_extra == {"mood": {"joy": 3}}


MOMENT = datetime(2026, 8, 6, 7, 6, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    "wire",
    [
        1_786_000_000,
        1_786_000_000.0,
        1_786_000_000_000,
        "1786000000",
        "2026-08-06T07:06:40Z",
        "2026-08-06T09:06:40+02:00",
        "2026-08-06T07:06:40",
    ],
)
def test_times_are_aware_whatever_their_unit(wire: Any) -> None:
    found = parse(Agent, {"agent_id": "a", "created_at": wire}, ANSWER).created_at
    assert found == MOMENT
    assert found.tzinfo is UTC


@pytest.mark.parametrize("wire", [None, "", "yesterday", {}, [], 1e300, "9" * 400])
def test_what_is_no_time_is_none(wire: Any) -> None:
    assert parse(Agent, {"agent_id": "a", "created_at": wire}, ANSWER).created_at is None


@given(st.datetimes(datetime(1990, 1, 1), datetime(2500, 1, 1), timezones=st.just(timezone(timedelta(hours=3)))))
def test_seconds_and_milliseconds_are_told_apart(moment: datetime) -> None:
    moment = moment.replace(microsecond=0)
    seconds = int(moment.timestamp())
    for wire in (seconds, seconds * 1000):
        assert parse(Agent, {"id": "a", "created_at": wire}, ANSWER).created_at == moment


# Settings


def test_only_what_is_set_is_sent_and_none_is_sent_as_null() -> None:
    settings = AgentSettings(greeting=None, goals=("Sell",), new_switch=True)
    assert settings.body() == {"greeting": None, "goals": ["Sell"], "new_switch": True}
    assert settings.replace(persona="P").body() == {
        "greeting": None,
        "goals": ["Sell"],
        "new_switch": True,
        "persona": "P",
    }
    assert AgentSettings().body() == {}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: AgentSettings(persona="x" * 32_001), "persona"),
        (lambda: AgentSettings(metadata={"k" * 65: "v"}), "metadata"),
        (lambda: AgentSettings(greeting=5), "greeting"),
        (lambda: JobSettings(channel=True, diarize=True), "channel, diarize"),
        (lambda: JobSettings(trace=True, channel=True), "trace"),
        (lambda: JobSettings(output_formats=("mp3",)), "output_formats"),
        (lambda: JobSettings(webhook_url="http://acme.com/done"), "webhook_url: expected an https address"),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_not(make: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        make()
    assert "x" * 30 not in str(caught.value)
    assert caught.value.__context__ is None


async def test_what_json_does_not_have_is_refused_here() -> None:
    async with rest(answering(201, {"pack_id": "p"})) as (client, server):
        for odd in ({"weight": float("nan")}, {"name": "\ud800"}, {"name": object()}):
            with pytest.raises(ConfigurationError, match="cannot be sent") as caught:
                await client.trace.rule_packs.create(odd)
            assert caught.value.__context__ is None
    assert not server.requests


# Lists


def agents(*names: str, cursor: str | None = None, **fields: Any) -> Any:
    page = {"object": "list", "data": [{"agent_id": name} for name in names], "next_cursor": cursor, **fields}
    return answering(200, page)


async def test_pages_are_read_as_they_are_wanted() -> None:
    async with rest(agents("a", "b", cursor="c&1"), agents("c")) as (client, server):
        pages = client.agents.list(limit=2)
        assert not server.requests
        assert [(await anext(pages)).agent_id for _ in "ab"] == ["a", "b"]
        assert len(server.requests) == 1
        assert pages.cursor == "c&1"
        assert [agent.agent_id async for agent in pages] == ["c"]
        assert pages.cursor is None
    assert [request.target for request in server.requests] == ["/v1/agents?limit=2", "/v1/agents?limit=2&cursor=c%261"]


async def test_a_list_goes_on_where_it_was_left() -> None:
    async with rest(agents("c")) as (client, server):
        assert [agent.agent_id async for agent in client.agents.list(cursor="c&1")] == ["c"]
    assert server.requests[0].target == "/v1/agents?cursor=c%261"


async def test_an_empty_page_is_not_the_end_and_has_more_is_believed() -> None:
    replies = agents(cursor="1"), agents("a", cursor="2", has_more=False), agents("b")
    async with rest(*replies) as (client, server):
        assert [agent.agent_id async for agent in client.agents.list()] == ["a"]
    assert len(server.requests) == 2


async def test_a_list_without_end_is_given_up() -> None:
    async with rest(agents(cursor="1"), agents(cursor="2"), agents(cursor="1")) as (client, server):
        with pytest.raises(ProtocolError, match="does not end"):
            await anext(client.agents.list())
    assert len(server.requests) == 3


@pytest.mark.parametrize("limit", [0, 101, -1])
async def test_a_page_that_the_service_would_refuse_is_not_asked_for(limit: int) -> None:
    async with rest(agents("a")) as (client, server):
        with pytest.raises(ConfigurationError, match="limit"):
            await anext(client.agents.list(limit=limit))
    assert not server.requests


# Repeats


async def test_a_read_is_tried_again_and_a_page_is_one_read() -> None:
    busy = answering(503, {"error": {"code": "upstream_error"}})
    async with rest(busy, agents("a", cursor="1"), hang_up, agents("b"), window=5.0) as (client, server):
        assert [agent.agent_id async for agent in client.agents.list()] == ["a", "b"]
    assert len(server.requests) == 4


async def test_a_write_is_never_tried_again() -> None:
    async with rest(answering(503), agents("a"), window=5.0) as (client, server):
        with pytest.raises(ServerError):
            await client.agents.create("Front desk")
    assert len(server.requests) == 1


async def test_an_idempotency_key_makes_a_write_worth_another_attempt() -> None:
    done = answering(201, {"id": "pn_1", "phone_number": "+14155550100"})
    async with rest(answering(503), hang_up, done, window=5.0) as (client, server):
        number = await client.telephony.buy("+14155550100", idempotency_key="order-7")
    assert number.number_id == "pn_1"
    assert [request.headers["idempotency-key"] for request in server.requests] == ["order-7"] * 3
    assert len({request.body for request in server.requests}) == 1


async def test_a_conflict_of_idempotency_keys_is_final() -> None:
    kind = "https://api.pyai.com/problems/idempotency_conflict"
    conflict = answering(409, {"type": kind, "status": 409, "detail": "Another body."}, "application/problem+json")
    async with rest(conflict, window=5.0) as (client, server):
        with pytest.raises(RequestError, match="idempotency_conflict"):
            await client.telephony.buy("+14155550100", idempotency_key="order-7")
    assert len(server.requests) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "a\r\nX-Evil: 1", "ü"])
async def test_an_idempotency_key_cannot_write_headers(key: str) -> None:
    async with rest(answering(201, {})) as (client, server):
        with pytest.raises(ConfigurationError, match="idempotency_key"):
            await client.telephony.buy("+14155550100", idempotency_key=key)
    assert not server.requests


# What is not there


@pytest.mark.parametrize(
    "reply",
    [
        answering(404),
        answering(404, b"<html>nginx</html>", "text/html"),
        answering(404, {"error": {"code": "unknown_route", "message": "No such route."}}, x_request_id="req_9"),
        answering(404, {"type": "https://api.pyai.com/problems/not_found", "title": "Not found", "status": 404}),
    ],
)
async def test_an_endpoint_that_is_not_there_is_not_deployed(reply: Any) -> None:
    async with rest(reply) as (client, _):
        with pytest.raises(NotDeployed, match="does not offer this endpoint") as caught:
            await client.trace.exposure()
        with pytest.raises(NotDeployed, match="until a carrier is configured"):
            await anext(client.telephony.list())
    assert caught.value.status == 404
    assert caught.value.__context__ is None


async def test_beside_an_id_only_the_route_itself_tells_what_is_missing() -> None:
    route = answering(404, {"error": {"code": "unknown_route", "message": "No such route."}})
    async with rest(route, answering(404)) as (client, _):
        with pytest.raises(NotDeployed):
            await client.calls.get("call_1")
        with pytest.raises(RequestError) as caught:
            await client.calls.get("call_1")
    assert not isinstance(caught.value, NotDeployed)


# The client


async def test_another_provider_has_no_platform() -> None:
    async with Client(Endpoint.audiopod("ap_0123456789", "http://127.0.0.1:9")) as client:
        for call in (
            lambda: client.jobs.get("job_1"),
            lambda: client.agents.create("x"),
            lambda: client.clones.create("x", b"RIFF"),
            lambda: anext(client.recap.calls.list()),
        ):
            with pytest.raises(UnsupportedError, match="AudioPod does not offer"):
                await call()


async def test_one_pool_serves_the_client_its_shares_and_its_voice() -> None:
    async with scripted(answering(200, {"key_id": "k"})) as server:
        async with Client(server.endpoint()) as client:
            share = client.share()
            await client.me()
            await share.me()
            await share.aclose()
            with pytest.raises(ConfigurationError, match="closed"):
                await share.me()
            await client.me()
            speaker = client.speaker()
            assert await speaker.prewarm()
        assert server.connections == 1
        for late in (client.me, client.share().me, lambda: speaker.speak("Hello.")):
            with pytest.raises(ConfigurationError, match="closed"):
                await late()


async def test_a_component_takes_a_client_or_a_key_and_not_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYAI_API_KEY", CANARY)
    async with scripted(answering(200, {"key_id": "k"})) as server:
        async with Client(server.endpoint()) as client:
            used = Client.for_host(client)
            assert used.endpoint == client.endpoint
            await used.aclose()
            await client.me()
            for both in ({"api_key": CANARY}, {"base_url": "https://api.pyai.com"}):
                with pytest.raises(ConfigurationError, match="client: it has a key"):
                    Client.for_host(client, **both)
    own = Client.for_host(None, base_url="https://api.pyai.com")
    assert own.endpoint.api_key.get_secret_value() == CANARY
    await own.aclose()


async def test_without_a_key_there_is_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYAI_API_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="PYAI_API_KEY"):
        Client()


async def test_the_clients_streams_go_where_the_client_goes() -> None:
    async with scripted(answering(401, {"error": {"code": "unauthorized", "message": "No."}})) as server:
        async with Client(server.endpoint()) as client:
            for stream in (client.hear(), client.omni(), client.detect()):
                async with stream:
                    stream.send_audio(bytes(6400))
                    with pytest.raises(PyAIError, match="unauthorized|refused|401"):
                        async for _ in stream:
                            pass
            with pytest.raises(PyAIError, match="unauthorized"):
                async with client.speak("Hello."):
                    pass
    targets = [request.target.partition("?")[0] for request in server.requests]
    assert targets == ["/v1/audio/transcriptions/stream", "/v1/omni", "/v1/amd/stream", "/v1/audio/speech"]


def test_a_record_can_be_read_back_from_what_it_was_written_as() -> None:
    agent = parse(Agent, {"agent_id": "a", "name": "A", "created_at": 1_786_000_000, "extra": [1]}, ANSWER)
    assert parse(Agent, json.loads(agent.model_dump_json()), ANSWER) == agent
