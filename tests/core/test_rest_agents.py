"""Agents, tools, session tokens, call records, clones and designed voices, against scripted servers on real sockets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pyai_voice.errors import AudioError, ConfigurationError, PermissionDeniedError, ProtocolError, RequestError
from pyai_voice.omni_options import OmniOptions, Tool
from pyai_voice.rest.agents import AgentSettings, AgentTool
from pyai_voice.rest.voice_design import DesignSettings, VoiceAttributes
from tests.core.scripted_http import Peer, answering, form, rest

AGENT = {
    "object": "agent",
    "agent_id": "agent_7f3a0b12",
    "name": "Front desk",
    "persona_system_prompt": "You answer the telephone.",
    "barge_sensitivity": -32.5,
    "tools": [{"tool_id": "tool_1", "enabled": False}, 5],
    "created_at": 1_786_000_000,
}
EMPTY = answering(200)


def asked(request: Peer) -> tuple[str, str]:
    return request.method, request.target


async def test_an_agent_is_made_read_changed_and_deleted() -> None:
    replies = answering(201, AGENT), answering(200, AGENT), answering(200, AGENT), EMPTY
    async with rest(*replies) as (client, server):
        made = await client.agents.create("Front desk", AgentSettings(persona="You answer the telephone."))
        assert await client.agents.get("agent/7") == made
        await client.agents.update(made.agent_id, AgentSettings(greeting=None, vocabulary=()))
        await client.agents.delete(made.agent_id)
    assert (made.agent_id, made.name, made.persona) == ("agent_7f3a0b12", "Front desk", "You answer the telephone.")
    assert (made.barge_sensitivity, made.greeting, made.recordings_enabled) == (-32.5, None, False)
    assert [(tool.tool_id, tool.enabled) for tool in made.tools] == [("tool_1", False)]
    assert made.created_at == datetime(2026, 8, 6, 7, 6, 40, tzinfo=UTC)
    create, get, update, delete = server.requests
    assert asked(create) == ("POST", "/v1/agents")
    assert create.json == {"name": "Front desk", "persona": "You answer the telephone."}
    assert asked(get) == ("GET", "/v1/agents/agent%2F7")
    assert asked(update) == ("POST", "/v1/agents/agent_7f3a0b12")
    assert update.json == {"greeting": None, "vocabulary": []}
    assert asked(delete) == ("DELETE", "/v1/agents/agent_7f3a0b12")
    assert not delete.body


async def test_the_token_of_a_knowledge_endpoint_is_sent_and_not_shown() -> None:
    settings = AgentSettings(kb_endpoint="https://acme.com/kb", kb_token="kb_top-secret-2")
    async with rest(answering(201, AGENT)) as (client, server):
        await client.agents.create("Front desk", settings)
    assert server.requests[0].json["kb_token"] == "kb_top-secret-2"
    assert "top-secret" not in f"{settings!r}{ProtocolError('kb_top-secret-2 leaked')}"


async def test_agents_are_listed() -> None:
    async with rest(answering(200, {"data": [AGENT, {"id": "agent_2"}]})) as (client, _):
        assert [agent.agent_id async for agent in client.agents.list()] == ["agent_7f3a0b12", "agent_2"]


@pytest.mark.parametrize("answer", [answering(200), answering(204), answering(200, [{"tool_id": "t"}])])
async def test_an_agent_is_given_its_tools_whatever_the_answer_holds(answer: Any) -> None:
    async with rest(answer) as (client, server):
        await client.agents.set_tools("agent_1", ["tool_1", AgentTool(tool_id="transfer_to_human", enabled=False)])
    assert asked(server.requests[0]) == ("PUT", "/v1/agents/agent_1/tools")
    assert server.requests[0].json == [
        {"tool_id": "tool_1", "enabled": True},
        {"tool_id": "transfer_to_human", "enabled": False},
    ]


async def test_an_agent_is_the_label_of_a_session_that_configures_nothing() -> None:
    async with rest(answering(200, AGENT)) as (client, _):
        agent = await client.agents.get("agent_7f3a0b12")
    options = OmniOptions(session_label=agent.agent_id, configure=False)
    assert options.session_label == "agent_7f3a0b12"
    with pytest.raises(ConfigurationError, match="not a part"):
        OmniOptions(session_label=agent.agent_id, configure=False, greeting="Hi.")


# Tools

SCHEMA = {"type": "object", "properties": {"order": {"type": "string"}}}


@pytest.mark.parametrize("name", ["parameters", "input_schema"])
async def test_a_tool_is_registered_as_rest_wants_it_and_its_secret_is_told_once(name: str) -> None:
    made = {"tool_id": "tool_1", "name": "look_up", "input_schema": SCHEMA, "hmac_secret": "whsec_top-secret-1"}
    tool = Tool(
        name="look_up", description="Finds an order.", endpoint="https://acme.com/t", timeout=2.5, **{name: SCHEMA}
    )
    async with rest(answering(201, made)) as (client, server):
        registered = await client.tools.create(tool)
    assert asked(server.requests[0]) == ("POST", "/v1/tools")
    assert server.requests[0].json == {
        "name": "look_up",
        "description": "Finds an order.",
        "input_schema": SCHEMA,
        "webhook_url": "https://acme.com/t",
        "timeout_ms": 2500,
    }
    assert registered.parameters == SCHEMA
    assert registered.hmac_secret and registered.hmac_secret.get_secret_value() == "whsec_top-secret-1"
    assert "top-secret" not in f"{registered!r} {ProtocolError('whsec_top-secret-1 leaked')}"


async def test_a_tool_that_this_program_answers_is_not_registered() -> None:
    async with rest(answering(201, {})) as (client, server):
        with pytest.raises(ConfigurationError, match=r"endpoint: .* OmniOptions\.tools"):
            await client.tools.create(Tool(name="look_up"))
    assert not server.requests


async def test_built_in_tools_are_listed_by_their_names() -> None:
    page = {"data": [{"name": "end_call", "execution": "engine"}, {"tool_id": "tool_1", "parameters": SCHEMA}]}
    async with rest(answering(200, page)) as (client, _):
        built_in, own = [tool async for tool in client.tools.list()]
    assert (built_in.tool_id, built_in.execution) == ("end_call", "engine")
    assert (own.tool_id, own.parameters, own.hmac_secret) == ("tool_1", SCHEMA, None)


# Session tokens

TOKEN = "pyai_live_sess_0123456789abcdef"
ADDRESS = "wss://api.pyai.com/v1/omni?format=pcm16&rate=24000"
SESSION = {"object": "omni.session", "token": TOKEN, "expires_at": 1_786_000_000_000, "url": ADDRESS}


@pytest.mark.parametrize(
    ("label", "sent_back", "url"),
    [
        (None, {}, ADDRESS),
        ("agent_1", {"session_label": "agent_1"}, f"{ADDRESS}&session_label=agent_1"),
        ("agent_1", {}, f"{ADDRESS}&session_label=agent_1"),
        ("a&b=c d", {"session_label": None}, f"{ADDRESS}&session_label=a%26b%3Dc+d"),
        ("x", {"session_label": "x", "url": "wss://pyai/v1/omni"}, "wss://pyai/v1/omni?session_label=x"),
        ("x", {"session_label": "x", "url": f"{ADDRESS}&session_label=x"}, f"{ADDRESS}&session_label=x"),
    ],
)
async def test_a_session_token_comes_with_an_address_that_names_its_label(
    label: str | None, sent_back: dict[str, Any], url: str
) -> None:
    async with rest(answering(201, {**SESSION, **sent_back})) as (client, server):
        session = await client.sessions.create(["https://acme.com"], ttl=120, session_label=label)
    assert asked(server.requests[0]) == ("POST", "/v1/omni/sessions")
    body = {"allowed_origins": ["https://acme.com"], "ttl_seconds": 120}
    assert server.requests[0].json == ({**body, "session_label": label} if label else body)
    assert (session.url, session.session_label) == (url, label)
    assert session.token.get_secret_value() == TOKEN
    assert TOKEN not in f"{session!r}{session.model_dump_json()}"
    assert session.expires_at == datetime(2026, 8, 6, 7, 6, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    ("origins", "ttl"),
    [([], 60), (["*"], 60), (["https://*.acme.com"], 60), ("https://acme.com", 60), (["https://acme.com"], 0)]
    + [(["https://acme.com"], 601)],
)
async def test_a_token_that_the_service_would_refuse_is_not_asked_for(origins: Any, ttl: int) -> None:
    async with rest(answering(201, SESSION)) as (client, server):
        with pytest.raises(ConfigurationError, match="allowed_origins|ttl"):
            await client.sessions.create(origins, ttl=ttl)
    assert not server.requests


async def test_a_key_that_may_not_make_tokens_is_refused() -> None:
    async with rest(answering(403, {"error": {"code": "insufficient_scope", "message": "omni:session"}})) as (
        client,
        _,
    ):
        with pytest.raises(PermissionDeniedError, match="omni:session"):
            await client.sessions.create(["https://acme.com"])


# Call records

CALL = {
    "call_id": "call_1",
    "session_label": "agent_1",
    "status": "completed",
    "started_at": 1_786_000_000_000,
    "duration": 12.5,
    "entries": [
        {"kind": "said", "role": "caller", "text": "A flat white.", "start": 0.5, "end": 1.5},
        {"kind": "tool", "name": "order", "arguments": {"drink": "flat white"}, "result": {"ok": True}},
        "odd",
    ],
    "sentiment": "calm",
}


async def test_calls_are_listed_and_read() -> None:
    async with rest(answering(200, {"data": [CALL]}), answering(200, CALL)) as (client, server):
        (listed,) = [call async for call in client.calls.list(session_label="agent_1", limit=5)]
        call = await client.calls.get("call_1")
    assert listed == call
    assert (call.status, call.duration, call.model_extra) == ("completed", 12.5, {"sentiment": "calm"})
    assert call.started_at == datetime(2026, 8, 6, 7, 6, 40, tzinfo=UTC)
    said, tool = call.entries
    assert (said.role, said.text, said.end) == ("caller", "A flat white.", 1.5)
    assert (tool.name, tool.arguments, tool.result) == ("order", {"drink": "flat white"}, {"ok": True})
    assert [asked(request) for request in server.requests] == [
        ("GET", "/v1/omni/calls?session_label=agent_1&limit=5"),
        ("GET", "/v1/omni/calls/call_1"),
    ]


# Voices of one's own

SAMPLE = b"ID3\x04" + bytes(1000)


async def test_a_voice_is_cloned_from_a_recording() -> None:
    made = answering(201, {"id": "voice_1", "object": "voice", "name": "Mine", "status": "pending"})
    async with rest(made) as (client, server):
        clone = await client.clones.create('Mine"; name="file', SAMPLE)
    assert (clone.voice_id, clone.name, clone.status) == ("voice_1", "Mine", "pending")
    assert asked(server.requests[0]) == ("POST", "/v1/voice/clones")
    parts = form(server.requests[0])
    assert set(parts) == {"name", "file"}
    assert parts["name"].get_payload(decode=True) == b'Mine"; name="file'
    assert (parts["file"].get_filename(), parts["file"].get_payload(decode=True)) == ("audio.mp3", SAMPLE)


async def test_clones_are_listed_found_in_the_list_and_deleted_without_a_body() -> None:
    listed = answering(200, {"data": [{"id": "voice_1", "status": "ready"}, {"voice_id": "voice_2"}]})
    async with rest(listed, listed, listed, EMPTY) as (client, server):
        assert [clone.voice_id async for clone in client.clones.list()] == ["voice_1", "voice_2"]
        assert (await client.clones.get("voice_1")).status == "ready"
        with pytest.raises(RequestError, match="no cloned voice 'nobody'") as caught:
            await client.clones.get("nobody")
        await client.clones.delete("voice_1")
    assert (caught.value.status, caught.value.code) == (404, "not_found")
    assert asked(server.requests[-1]) == ("DELETE", "/v1/voice/clones/voice_1")


async def test_a_sample_that_is_no_recording_is_not_sent() -> None:
    async with rest(answering(201, {})) as (client, server):
        with pytest.raises(AudioError, match="not an audio file"):
            await client.clones.create("Mine", b"hello")
    assert not server.requests


async def test_voices_are_designed_from_a_description() -> None:
    made = {
        "design_id": "d_1",
        "status": "pending",
        "candidates": [{"voice_id": "voice_3"}, {"id": "voice_4"}, {}],
        "estimated_seconds": 20,
    }
    settings = DesignSettings(candidates=2, attributes=VoiceAttributes(gender="F", accent="Scottish"))
    async with rest(answering(200, made)) as (client, server):
        design = await client.voice_design.create("A calm guide", settings)
    assert asked(server.requests[0]) == ("POST", "/v1/voice/design")
    assert server.requests[0].json == {
        "prompt": "A calm guide",
        "candidates": 2,
        "attributes": {"gender": "F", "accent": "Scottish"},
    }
    assert (design.design_id, design.status, design.estimated_seconds) == ("d_1", "pending", 20)
    assert [voice.voice_id for voice in design.candidates] == ["voice_3", "voice_4"]
