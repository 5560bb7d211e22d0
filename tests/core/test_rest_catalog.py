"""Voices, models, the account, sandbox keys and OpenRouter's catalogue, against scripted servers on real sockets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pyai_voice.errors import (
    AuthenticationError,
    ConfigurationError,
    NotDeployed,
    ProtocolError,
    RateLimitError,
    RequestError,
)
from pyai_voice.rest.account import Account
from tests.core.scripted_http import answering, rest

EMMA = {"object": "voice", "voice_id": "stock_emma_en_gb", "name": "Imogen", "gender": "F", "language": "en", "age": 30}
SANDBOX = "pyai_test_0123456789abcdefghij"


async def test_voices_are_read_whichever_name_their_id_has() -> None:
    page = {"object": "list", "data": [EMMA, {"id": "voice_abc", "name": "Mine", "tone": None, "extra": {}}]}
    async with rest(answering(200, page)) as (client, server):
        emma, mine = [voice async for voice in client.voices.list(gender="F")]
    assert (emma.voice_id, emma.name, emma.gender, emma.language, emma.age) == (
        "stock_emma_en_gb",
        "Imogen",
        "F",
        "en",
        "30",
    )
    assert (mine.voice_id, mine.name, mine.tone, mine.bio) == ("voice_abc", "Mine", "", "")
    assert server.requests[0].target == "/v1/voices?gender=F"


@pytest.mark.parametrize("voice_id", ["stock_emma_en_gb", "../telephony/numbers", "a/b?c#d", "Ünal %2F"])
async def test_an_id_stays_one_segment_of_the_path(voice_id: str) -> None:
    async with rest(answering(200, EMMA)) as (client, server):
        assert (await client.voices.get(voice_id)).name == "Imogen"
    target = server.requests[0].target
    assert target.startswith("/v1/voices/")
    assert target.count("/") == 3
    assert not set("?#") & set(target)


@pytest.mark.parametrize("voice_id", ["", ".", "..", "\ud800"])
async def test_what_is_no_id_is_refused(voice_id: str) -> None:
    async with rest(answering(200, EMMA)) as (client, server):
        with pytest.raises(ConfigurationError, match="voice_id"):
            await client.voices.get(voice_id)
    assert not server.requests


async def test_an_unknown_voice_is_a_request_error_and_no_missing_endpoint() -> None:
    async with rest(answering(404, {"error": {"code": "not_found", "message": "No such voice."}})) as (client, _):
        with pytest.raises(RequestError, match="No such voice") as caught:
            await client.voices.get("nobody")
    assert not isinstance(caught.value, NotDeployed)


async def test_models_are_read() -> None:
    page = {"data": [{"id": "pyai-hear"}, {"id": "omni", "capabilities": ["realtime", {}]}]}
    async with rest(answering(200, page)) as (client, _):
        models = [model async for model in client.models.list()]
    assert [(model.id, model.capabilities) for model in models] == [("pyai-hear", ()), ("omni", ("realtime",))]


ME = {
    "key_id": "k",
    "org_id": "o",
    "project_id": None,
    "status": "active",
    "scopes": ["hear:stream", "voice:synthesize"],
    "expires_at": 1_786_000_000_000,
    "limits": {"rps": 5, "daily_unit_cap": "many"},
    "credit": {"gated": True, "available_cents": 120},
    "organisation_name": "Acme",
}


@pytest.mark.parametrize(
    "named",
    [
        {"env": "test"},
        {"environment": "test"},
        {"env": None, "environment": "test"},
        {"env": "", "environment": "test"},
    ],
)
async def test_the_account_is_read_under_both_names_of_its_environment(named: dict[str, Any]) -> None:
    async with rest(answering(200, {**ME, **named})) as (client, server):
        me = await client.me()
    assert server.requests[0].target == "/v1/me"
    assert (me.key_id, me.org_id, me.project_id, me.environment, me.plan) == ("k", "o", "", "test", "")
    assert me.expires_at == datetime(2026, 8, 6, 7, 6, 40, tzinfo=UTC)
    assert (me.limits.rps, me.limits.daily_unit_cap, me.limits.concurrency) == (5, None, None)
    assert (me.credit.gated, me.credit.available_cents) == (True, 120)
    assert me.model_extra == {"organisation_name": "Acme"}


@pytest.mark.parametrize(
    ("granted", "scope", "allowed"),
    [
        (("speak:synthesize",), "speak:synthesize", True),
        (("voice:synthesize",), "speak:synthesize", True),
        (("speak:clone",), "voice:clone", True),
        (("voice:*",), "speak:design", True),
        (("*",), "kb:manage", True),
        (("hear:*",), "speak:synthesize", False),
        (("speak:clone",), "speak:synthesize", False),
        ((), "hear:stream", False),
    ],
)
def test_a_scope_is_granted_under_either_generation_of_its_name(
    granted: tuple[str, ...], scope: str, allowed: bool
) -> None:
    assert Account(scopes=granted).allows(scope) is allowed


@pytest.mark.parametrize("body", [{"object": "list"}, {"data": {}}, ["x"], {"data": [{"name": "no id"}]}, 5])
async def test_what_is_no_list_is_a_protocol_error(body: Any) -> None:
    async with rest(answering(200, b"5" if body == 5 else body)) as (client, _):
        with pytest.raises(ProtocolError) as caught:
            await anext(client.voices.list())
    assert caught.value.__context__ is None


async def test_what_is_no_object_is_a_protocol_error() -> None:
    async with rest(answering(200, [])) as (client, _):
        with pytest.raises(ProtocolError, match="sent no Account"):
            await client.me()


async def test_a_wrong_key_is_one_error() -> None:
    async with rest(answering(401, {"error": {"code": "unauthorized", "message": "No."}})) as (client, server):
        with pytest.raises(AuthenticationError):
            await client.me()
    assert len(server.requests) == 1


async def test_a_sandbox_key_is_told_once_and_shown_nowhere() -> None:
    made = {"object": "sandbox.key", "api_key": SANDBOX, "expires_at": 1_786_000_000_000, "scopes": ["hear:stream"]}
    async with rest(answering(201, made)) as (client, server):
        key = await client.keys.create("laptop")
    assert (server.requests[0].method, server.requests[0].target) == ("POST", "/v1/sandbox/keys")
    assert server.requests[0].json == {"label": "laptop"}
    assert key.api_key.get_secret_value() == SANDBOX
    assert SANDBOX not in f"{key!r} {key} {key.model_dump()} {key.model_dump_json()}"
    assert SANDBOX[12:] not in str(ProtocolError(f"The server said {SANDBOX}"))


async def test_too_many_sandbox_keys_and_none_at_all_are_told_apart() -> None:
    kind = "https://api.pyai.com/problems/sandbox_limit_reached"
    limit = answering(429, {"type": kind, "status": 429, "detail": "Enough."}, "application/problem+json")
    async with rest(limit, answering(404)) as (client, server):
        with pytest.raises(RateLimitError, match="sandbox_limit_reached"):
            await client.keys.create()
        with pytest.raises(NotDeployed):
            await client.keys.create()
        with pytest.raises(ConfigurationError, match="label"):
            await client.keys.create("x" * 65)
    assert len(server.requests) == 2


async def test_openrouters_catalogue_is_read_as_the_document_has_it() -> None:
    model = {
        "id": "pyai-hear",
        "name": "PyAI: Hear",
        "created": 1_786_000_000,
        "input_modalities": ["audio"],
        "output_modalities": ["transcription"],
        "pricing": {"prompt": "0.0000001", "request": 0},
        "is_ready": True,
        "openrouter": {"slug": "pyai/hear"},
        "datacenters": [{"country_code": "US"}, "odd"],
    }
    async with rest(answering(200, {"data": [model]})) as (client, server):
        (found,) = [model async for model in client.openrouter.list()]
    assert server.requests[0].target == "/v1/providers/openrouter/models"
    assert found.created == datetime(2026, 8, 6, 7, 6, 40, tzinfo=UTC)
    assert (found.pricing.prompt, found.pricing.request, found.pricing.image) == ("0.0000001", "0", "0")
    assert (found.is_ready, found.is_free, found.context_length) == (True, False, None)
    assert (found.openrouter.slug, [each.country_code for each in found.datacenters]) == ("pyai/hear", ["US"])
