"""Agents, tools, session tokens and call records over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from starlette.requests import HTTPConnection

from pyai_voice.errors import AuthenticationError, PermissionDeniedError
from pyai_voice.server.resources.sessions import admit
from tests.server.conftest import Local

TOOL = {"name": "look_up", "description": "Find an order.", "webhook_url": "https://tools.example/look"}
PAGE = "https://shop.example"


async def send(local: Local, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
    return await local.http.request(method, path, json=body, headers=local.bearer, **options)


async def made(local: Local, **fields: Any) -> dict[str, Any]:
    answer = await send(local, "POST", "/v1/agents", {"name": "Reception", **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


def complaint(answer: httpx.Response, status: int, code: str) -> str:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    problem = answer.json()
    assert problem["type"].rpartition("/")[2] == code
    return problem["detail"]


async def test_an_agent_is_made_read_changed_and_deleted(local: Local) -> None:
    agent = await made(local, persona="You are kind.", greeting="Hello.", metadata={"team": "north"})
    path = f"/v1/agents/{agent['agent_id']}"
    assert agent["object"] == "agent"
    assert agent["agent_id"].startswith("agent_")
    assert (await local.get(path)).json() == agent
    changed = (await send(local, "POST", path, {"greeting": None, "voice_id": "warm"})).json()
    assert changed == {**agent, "greeting": None, "voice_id": "warm"}
    assert [each["agent_id"] for each in (await local.get("/v1/agents")).json()["data"]] == [agent["agent_id"]]
    deleted = await send(local, "DELETE", path)
    assert deleted.json() == {"object": "agent", "id": agent["agent_id"], "deleted": True}
    for answer in (await local.get(path), await send(local, "DELETE", path), await send(local, "POST", path, {})):
        complaint(answer, 404, "not_found")


async def test_a_field_that_is_cleared_has_the_services_own_value_again(local: Local) -> None:
    agent = await made(local, barge_sensitivity="high", goals=["Be brief."], metadata={"a": "b"})
    path = f"/v1/agents/{agent['agent_id']}"
    cleared = await send(local, "POST", path, {"barge_sensitivity": None, "goals": None, "metadata": None})
    assert [cleared.json()[name] for name in ("barge_sensitivity", "goals", "metadata")] == ["normal", [], {}]


@pytest.mark.conforms("O-24")
async def test_recordings_without_a_consent_line_are_refused(local: Local) -> None:
    answer = await send(local, "POST", "/v1/agents", {"name": "a", "recordings_enabled": True})
    assert "consent line" in complaint(answer, 400, "invalid_request")
    agent = await made(local, recordings_enabled=True, consent_line="This call is recorded.")
    path = f"/v1/agents/{agent['agent_id']}"
    complaint(await send(local, "POST", path, {"consent_line": None}), 400, "invalid_request")
    assert (await local.get(path)).json() == agent


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"persona": "x" * 32_001}, "persona"),
        ({"greeting": 5}, "greeting"),
        ({"greeting_variants": ["x"] * 16}, "greeting_variants"),
        ({"language": "xx"}, "language"),
        ({"metadata": {"x" * 65: "y"}}, "metadata"),
        ({"metadata": {str(number): "y" for number in range(17)}}, "metadata"),
        ({"vocabulary": "one"}, "vocabulary"),
        ({"recordings_enabled": "yes"}, "recordings_enabled"),
        ({"extraction_schema": []}, "extraction_schema"),
    ],
)
async def test_what_an_agent_cannot_be_is_named(local: Local, fields: dict[str, Any], named: str) -> None:
    answer = await send(local, "POST", "/v1/agents", {"name": "a", **fields})
    assert complaint(answer, 400, "invalid_request").startswith(named)
    assert (await local.get("/v1/agents")).json()["data"] == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'"x"', b'{"name": "\\ud800"}', b"[" * 100_000])
async def test_what_is_no_json_object_is_refused(local: Local, body: bytes) -> None:
    complaint(await local.post("/v1/agents", content=body), 400, "invalid_request")


async def test_a_token_of_a_knowledge_endpoint_is_never_shown(local: Local) -> None:
    agent = await made(local, kb_endpoint="https://kb.example/", kb_token="hidden-token")
    path = f"/v1/agents/{agent['agent_id']}"
    for answer in (await local.get(path), await local.get("/v1/agents"), await send(local, "POST", path, {})):
        assert "hidden-token" not in answer.text
    profile = await local.server.app.state.stores.agents.profile("org_local", agent["agent_id"])
    assert profile.fields["kb_token"] == "hidden-token"


async def test_a_tool_shows_its_secret_once(local: Local) -> None:
    answer = await send(local, "POST", "/v1/tools", TOOL)
    assert answer.status_code == 201
    tool = answer.json()
    assert tool["hmac_secret"].startswith("whsec_")
    listed = (await local.get("/v1/tools")).json()["data"]
    assert {each["execution"] for each in listed} == {"engine", "webhook"}
    assert "transfer_to_human" in {each["name"] for each in listed}
    for answer in (await local.get("/v1/tools"), await local.get(f"/v1/tools/{tool['tool_id']}")):
        assert "hmac_secret" not in answer.text
    complaint(await send(local, "POST", "/v1/tools", TOOL), 409, "name_taken")
    assert (await send(local, "DELETE", f"/v1/tools/{tool['tool_id']}")).status_code == 200
    complaint(await local.get(f"/v1/tools/{tool['tool_id']}"), 404, "not_found")
    complaint(await send(local, "DELETE", "/v1/tools/end_call"), 404, "not_found")


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "two words"},
        {"webhook_url": None},
        {"webhook_url": "ftp://tools.example/"},
        {"input_schema": {"type": "string"}},
        {"timeout_ms": 0},
        {"timeout_ms": "5000"},
    ],
)
async def test_what_a_tool_cannot_be_is_named(local: Local, fields: dict[str, Any]) -> None:
    answer = await send(local, "POST", "/v1/tools", {**TOOL, **fields})
    assert complaint(answer, 400, "invalid_request").startswith(next(iter(fields)))


async def test_an_agent_gets_the_tools_that_it_is_given(local: Local) -> None:
    agent = await made(local)
    tool = (await send(local, "POST", "/v1/tools", TOOL)).json()
    path = f"/v1/agents/{agent['agent_id']}/tools"
    wanted = [{"tool_id": tool["tool_id"], "enabled": True}, {"tool_id": "end_call", "enabled": False}]
    assert (await send(local, "PUT", path, wanted)).json()["data"] == wanted
    assert (await local.get(path)).json()["data"] == wanted
    assert (await local.get(f"/v1/agents/{agent['agent_id']}")).json()["tools"] == wanted
    complaint(await send(local, "PUT", path, [{"tool_id": "tool_none"}]), 400, "invalid_request")
    complaint(await send(local, "PUT", path, {"tool_id": "end_call"}), 400, "invalid_request")
    assert (await local.get(path)).json()["data"] == wanted


async def test_a_wrong_method_is_told_the_right_ones(local: Local) -> None:
    answer = await send(local, "PUT", "/v1/agents")
    complaint(answer, 405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


@pytest.mark.conforms("O-25")
async def test_a_session_token_opens_one_session_of_its_page(local: Local) -> None:
    body = {"allowed_origins": [PAGE], "ttl_seconds": 30, "session_label": "shop"}
    answer = await send(local, "POST", "/v1/omni/sessions", body)
    assert answer.status_code == 201
    session = answer.json()
    assert session["token"].startswith("pyai_live_sess_")
    assert session["url"] == f"ws{local.server.base_url[4:]}/v1/omni?format=pcm16&rate=24000"
    assert session["session_label"] == "shop"
    with pytest.raises(PermissionDeniedError, match="origin"):
        await admit(_opening(local, session["token"], "https://other.example"))
    key, label = await admit(_opening(local, session["token"], PAGE))
    assert (key.organisation, key.scopes, label) == ("org_local", ("omni:session",), "shop")
    with pytest.raises(AuthenticationError):
        await admit(_opening(local, session["token"], PAGE))
    key, label = await admit(_opening(local, local.server.api_key, None))
    assert (key.scopes, label) == (("*",), None)


def _opening(local: Local, credential: str, origin: str | None) -> HTTPConnection:
    headers = [(b"sec-websocket-protocol", f"pyai.v1, pyai-key.{credential}".encode())]
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    scope = {"type": "websocket", "path": "/v1/omni", "headers": headers, "query_string": b""}
    return HTTPConnection({**scope, "app": local.server.app})


async def test_a_session_token_is_no_key(local: Local) -> None:
    body = {"allowed_origins": [PAGE]}
    token = (await send(local, "POST", "/v1/omni/sessions", body)).json()["token"]
    answer = await local.http.get("/v1/agents", headers={"Authorization": f"Bearer {token}", "Origin": PAGE})
    complaint(answer, 401, "unauthorized")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"allowed_origins": []}, "allowed_origins"),
        ({"allowed_origins": ["*"]}, "allowed_origins"),
        ({"allowed_origins": ["https://*.example"]}, "allowed_origins"),
        ({"allowed_origins": ["https://shop.example/path"]}, "allowed_origins"),
        ({"allowed_origins": None}, "allowed_origins"),
        ({"ttl_seconds": 0}, "ttl_seconds"),
        ({"ttl_seconds": 601}, "ttl_seconds"),
        ({"session_label": "a\nb"}, "session_label"),
        ({"session_label": "x" * 257}, "session_label"),
    ],
)
async def test_what_a_session_cannot_be_is_named(local: Local, fields: dict[str, Any], named: str) -> None:
    answer = await send(local, "POST", "/v1/omni/sessions", {"allowed_origins": [PAGE], **fields})
    assert complaint(answer, 400, "invalid_request").startswith(named)


async def test_call_records_are_listed_in_parts(local: Local) -> None:
    calls = local.server.app.state.stores.calls
    for number in range(5):
        await calls.begin("org_local", f"call_{number}", session_label="odd" if number % 2 else "even")
    first = (await local.get("/v1/omni/calls?limit=3")).json()
    assert [call["call_id"] for call in first["data"]] == ["call_4", "call_3", "call_2"]
    assert first["has_more"]
    rest = (await local.get(f"/v1/omni/calls?cursor={first['next_cursor']}")).json()
    assert [call["call_id"] for call in rest["data"]] == ["call_1", "call_0"]
    assert (rest["has_more"], rest["next_cursor"]) == (False, None)
    odd = (await local.get("/v1/omni/calls?session_label=odd")).json()["data"]
    assert [call["call_id"] for call in odd] == ["call_3", "call_1"]
    assert (await local.get("/v1/omni/calls/call_3")).json() == odd[0]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "cursor=x", "limit=-1"])
async def test_a_list_that_cannot_be_is_refused(local: Local, query: str) -> None:
    for path in ("/v1/agents", "/v1/omni/calls"):
        name = query.partition("=")[0]
        assert complaint(await local.get(f"{path}?{query}"), 400, "invalid_request").startswith(name)
