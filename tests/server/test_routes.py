"""Lists, envelopes and addresses that are not there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.server.conftest import STREAM, Local


async def test_every_answer_has_a_request_id_of_its_own(local: Local) -> None:
    answers = [await local.get("/v1/models"), await local.get("/v1/nothing"), await local.http.get("/v1/me")]
    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == 3
    assert all(each.startswith("req_") for each in ids)


async def test_models_are_listed(local: Local) -> None:
    listed = (await local.get("/v1/models")).json()
    assert listed["object"] == "list"
    assert {"pyai-hear", "pyai-speak", "pyai-voice"} <= {entry["id"] for entry in listed["data"]}


async def test_voices_have_both_ids_and_can_be_filtered(local: Local) -> None:
    listed = (await local.get("/v1/voices")).json()["data"]
    assert [entry["voice_id"] for entry in listed] == [entry["id"] for entry in listed] == ["stock_tone", "stock_low"]
    women = (await local.get("/v1/voices?gender=f")).json()["data"]
    assert [entry["id"] for entry in women] == ["stock_tone"]
    british = (await local.get("/v1/voices?region=gb")).json()["data"]
    assert [entry["id"] for entry in british] == ["stock_low"]


async def test_one_voice_by_id_or_by_its_openai_name(local: Local) -> None:
    assert (await local.get("/v1/voices/stock_low")).json()["name"] == "Low"
    assert (await local.get("/v1/voices/alloy")).json()["voice_id"] == "stock_tone"
    missing = await local.get("/v1/voices/stock_none")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")


async def test_the_openrouter_catalogue_needs_no_key(local: Local) -> None:
    entries = (await local.http.get("/v1/providers/openrouter/models")).json()["data"]
    assert all(entry["is_ready"] and isinstance(entry["pricing"]["prompt"], str) for entry in entries)


DATA_PLANE = ["/v1/nothing", "/v1/voice/design", "/v1/chat/completions", "/", "/v1/meadow"]
CONTROL_PLANE = [
    "/v1/agents",
    "/v1/agents/agent_1",
    "/v1/transcription/jobs",
    "/v1/telephony/numbers",
    "/v1/trace/config",
    "/v1/recap/calls",
    "/v1/amd/config",
    "/v1/omni/sessions",
    "/v1/recap/config",
    "/v1/webhooks/signing-secret",
    "/v1/tools",
]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", DATA_PLANE)
async def test_what_is_not_served_is_said_in_openais_shape(local: Local, method: str, path: str) -> None:
    response = await local.http.request(method, path)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "unknown_route"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", CONTROL_PLANE)
async def test_the_control_plane_says_it_as_a_problem(local: Local, method: str, path: str) -> None:
    """Without a key; what is not served is not found."""
    response = await local.http.request(method, path)
    refusals = {401: "unauthorized", 404: "unknown_route", 405: "method_not_allowed"}
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == f"https://api.pyai.com/problems/{refusals[response.status_code]}"
    assert (problem["status"], problem["title"]) == (response.status_code, response.reason_phrase)
    assert problem["request_id"] == response.headers["x-request-id"]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/audio/speech"), ("DELETE", "/v1/models"), ("POST", "/v1/voices/alloy")]
)
async def test_a_wrong_method_names_the_right_ones(local: Local, method: str, path: str) -> None:
    response = await local.http.request(method, path, headers=local.bearer)
    assert response.status_code == 405
    assert response.headers["allow"]
    assert response.json()["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", [STREAM, "/v1/amd/stream"])
async def test_a_plain_get_on_a_stream_asks_for_an_upgrade(local: Local, path: str) -> None:
    response = await local.get(path)
    assert (response.status_code, response.headers["upgrade"]) == (426, "websocket")
    assert response.json()["error"]["code"] == "upgrade_required"


@pytest.mark.parametrize("path", ["/v1/hear", "/v1/realtime/sessions", "/nothing"])
async def test_a_stream_that_is_not_served_is_refused_before_the_upgrade(local: Local, path: str) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        async with connect(f"ws{local.server.base_url.removeprefix('http')}{path}"):
            pass
    body: Any = json.loads(refusal.value.response.body or b"")
    assert refusal.value.response.status_code == 404
    assert body["error"]["code"] == "unknown_route"


@pytest.mark.parametrize("host", ["[", "a b", "x:y", "[::1", "\u00e9"])
async def test_a_broken_host_header_breaks_nothing(local: Local, host: str) -> None:
    response = await local.http.get("/v1/nothing", headers={"Host": host.encode("latin-1")})
    assert response.status_code in (400, 404)


async def test_a_failure_inside_is_an_error_answer_without_its_details(local: Local) -> None:
    local.server.app.state.engines = None
    response = await local.get("/v1/voices")
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "internal_error"
    assert "NoneType" not in response.text
