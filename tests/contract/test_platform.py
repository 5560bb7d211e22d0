"""The client's resources against the local server: both sides follow the same protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pyai_voice import Client, Endpoint, OmniOptions, SpeakOptions, Tool
from pyai_voice.audio import AudioFormat, wav_bytes
from pyai_voice.errors import NotDeployed, PermissionDeniedError, RequestError, ServiceError
from pyai_voice.rest.agents import AgentSettings, AgentTool
from pyai_voice.rest.amd import AmdSettings
from pyai_voice.rest.jobs import JobSettings
from pyai_voice.server.serving import Running, running
from pyai_voice.server.settings import Settings
from tests.server.fakes import fake_engines, tone

SOUND = tone(0.4)
WAV = wav_bytes(SOUND, AudioFormat(16000))


@asynccontextmanager
async def local_server() -> AsyncIterator[tuple[Client, Running]]:
    engines = fake_engines()
    try:
        async with running(engines, Settings(outbound_loopback=True)) as server:
            async with Client(Endpoint(api_key=server.api_key, base_url=server.base_url)) as client:
                yield client, server
    finally:
        await engines.aclose()


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with local_server() as (client, _):
        yield client


@asynccontextmanager
async def stranger(client: Client) -> AsyncIterator[Client]:
    """Return a client of another organisation: every sandbox key is one."""
    key = await client.keys.create("stranger")
    async with Client(Endpoint(api_key=key.api_key, base_url=client.endpoint.base_url)) as other:
        yield other


async def test_the_catalogues_and_the_account_are_there(client: Client) -> None:
    voices = [voice async for voice in client.voices.list()]
    assert await client.voices.get(voices[0].voice_id) == voices[0]
    assert {voice.gender async for voice in client.voices.list(gender=voices[0].gender)} == {voices[0].gender}
    models = {model.id async for model in client.models.list()}
    assert {"pyai-hear", "pyai-speak"} <= models
    assert {model.id async for model in client.openrouter.list()} <= models
    me = await client.me()
    assert me.environment == "test" and me.allows("voice:synthesize") and me.allows("kb:manage")


async def test_a_sandbox_key_is_another_organisation_and_may_less(client: Client) -> None:
    async with stranger(client) as other:
        mine, theirs = await client.me(), await other.me()
        assert mine.org_id != theirs.org_id
        assert theirs.expires_at is not None and mine.expires_at is None
        assert not theirs.allows("kb:manage")
        with pytest.raises(PermissionDeniedError, match="insufficient_scope"):
            await other.knowledge.create("House")


async def test_agents_live_and_belong_to_one_organisation(client: Client) -> None:
    agent = await client.agents.create("Front desk", AgentSettings(persona="You answer.", greeting="Hello."))
    assert agent.created_at is not None and agent.created_at.tzinfo is not None
    changed = await client.agents.update(agent.agent_id, AgentSettings(greeting=None, language="en"))
    assert (changed.persona, changed.greeting, changed.language) == ("You answer.", None, "en")
    assert await client.agents.get(agent.agent_id) == changed
    async with stranger(client) as other:
        assert [each async for each in other.agents.list()] == []
        with pytest.raises(RequestError) as caught:
            await other.agents.get(agent.agent_id)
        assert caught.value.code == "not_found" and not isinstance(caught.value, NotDeployed)
    await client.agents.delete(agent.agent_id)
    with pytest.raises(RequestError, match="not_found"):
        await client.agents.get(agent.agent_id)


async def test_long_lists_come_in_pages(client: Client) -> None:
    made = [await client.agents.create(f"Agent {number}") for number in range(5)]
    pages = client.agents.list(limit=2)
    listed = [await anext(pages) for _ in range(2)]
    rest = [agent async for agent in client.agents.list(limit=2, cursor=pages.cursor)]
    assert sorted(agent.agent_id for agent in listed + rest) == sorted(agent.agent_id for agent in made)


async def test_an_agent_is_given_tools(client: Client) -> None:
    schema = {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]}
    tool = await client.tools.create(
        Tool(name="look_up", description="Finds an order.", parameters=schema, endpoint="https://acme.com/look_up")
    )
    assert tool.hmac_secret is not None
    listed = {each.tool_id: each async for each in client.tools.list()}
    assert listed[tool.tool_id].parameters == schema and listed[tool.tool_id].hmac_secret is None
    assert [each.execution for each in listed.values()].count("engine") > 0
    agent = await client.agents.create("Front desk")
    await client.agents.set_tools(agent.agent_id, [tool.tool_id, AgentTool(tool_id="end_call", enabled=False)])
    tools = (await client.agents.get(agent.agent_id)).tools
    assert [(each.tool_id, each.enabled) for each in tools] == [(tool.tool_id, True), ("end_call", False)]


async def test_an_agent_that_records_needs_a_consent_line(client: Client) -> None:
    with pytest.raises(RequestError, match="consent_line"):
        await client.agents.create("Front desk", AgentSettings(recordings_enabled=True))


async def test_a_session_token_opens_omni_and_nothing_else(client: Client) -> None:
    session = await client.sessions.create(["https://acme.com"], ttl=60, session_label="agent 7")
    assert session.url.startswith("ws") and "session_label=agent+7" in session.url
    assert session.expires_at is not None
    async with Client(Endpoint(api_key=session.token, base_url=client.endpoint.base_url)) as page:
        with pytest.raises(ServiceError, match="unauthorized|forbidden|insufficient_scope"):
            await page.me()


async def test_a_call_leaves_a_record(client: Client) -> None:
    assert [call async for call in client.calls.list()] == []
    options = OmniOptions(persona="You answer.", greeting="Hello there.", session_label="desk 1")
    async with client.omni(options) as stream:
        stream.send_audio(bytes(3200))
        await anext(aiter(stream))
    async for call in client.calls.list(session_label="desk 1"):
        assert (await client.calls.get(call.call_id)).call_id == call.call_id
        assert call.session_label == "desk 1" and call.started_at is not None
        break
    else:
        pytest.fail("there is no record")
    with pytest.raises(RequestError, match="not_found"):
        await client.calls.get("call_nobody")


async def test_clones_are_kept_and_deleted(client: Client) -> None:
    sample = wav_bytes(tone(12.0), AudioFormat(16000))
    clone = await client.clones.create("Mine", sample)
    assert clone.voice_id in {each.voice_id async for each in client.clones.list()}
    assert (await client.clones.get(clone.voice_id)).name == "Mine"
    with pytest.raises(RequestError):
        await client.speaker().speak("Hello.", SpeakOptions(voice=clone.voice_id))
    await client.clones.delete(clone.voice_id)
    with pytest.raises(RequestError, match="not_found"):
        await client.clones.get(clone.voice_id)


async def test_a_job_runs_to_its_result(client: Client) -> None:
    settings = JobSettings(output_formats=("json", "srt", "vtt"), vocabulary=("Smith, John",), numerals=True)
    job = await client.jobs.upload(SOUND, settings, rate=16000)
    assert job.status == "queued" and job.created_at is not None
    assert (await client.jobs.get(job.job_id)).job_id == job.job_id
    result = await client.jobs.result(job.job_id, timeout=30)
    assert result.text == "w1 w2."
    assert result.audio_seconds == pytest.approx(0.4, abs=0.05)
    assert result.formats.srt and "-->" in result.formats.srt
    assert result.formats.vtt and result.formats.vtt.startswith("WEBVTT")
    assert [each.job_id async for each in client.jobs.list(limit=1)] == [job.job_id]


async def test_a_large_result_has_an_address_of_its_own(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyai_voice.server.resources.jobs._INLINE", 10)
    job = await client.jobs.wait((await client.jobs.upload(WAV)).job_id, timeout=30)
    assert job.result is None and job.result_url is not None
    assert (await client.jobs.result(job.job_id)).text == "w1 w2."


async def test_a_job_that_cannot_be_done_says_why(client: Client) -> None:
    with pytest.raises(RequestError, match="diarize"):
        await client.jobs.upload(WAV, JobSettings(diarize=True))
    job = await client.jobs.create(f"{client.endpoint.base_url}/v1/nothing.wav")
    failed = await client.jobs.wait(job.job_id, timeout=30)
    assert failed.status == "failed" and failed.error


async def test_a_job_that_is_finished_is_not_cancelled(client: Client) -> None:
    job = await client.jobs.wait((await client.jobs.upload(WAV)).job_id, timeout=30)
    with pytest.raises(RequestError, match="already_finished"):
        await client.jobs.cancel(job.job_id)
    assert (await client.jobs.get(job.job_id)).status == "completed"


async def test_an_idempotency_key_makes_one_job(client: Client) -> None:
    address = f"{client.endpoint.base_url}/v1/nothing.wav"
    first = await client.jobs.create(address, idempotency_key="call-7")
    assert (await client.jobs.create(address, idempotency_key="call-7")).job_id == first.job_id
    with pytest.raises(RequestError, match="idempotency_conflict"):
        await client.jobs.create(f"{address}?2", idempotency_key="call-7")


async def test_the_detectors_settings_are_kept(client: Client) -> None:
    await client.amd.config.set(AmdSettings(aggressiveness=0.2, webhook_url="https://acme.com/amd"))
    config = await client.amd.config.set(AmdSettings(webhook_url=None))
    assert (config.aggressiveness, config.webhook_url) == (0.2, None)
    assert await client.amd.config.get() == config
    assert [call async for call in client.amd.calls.list()] == []
    with pytest.raises(RequestError, match="not_found"):
        await client.amd.calls.get("C_nobody")


async def test_a_knowledge_base_is_filled(client: Client) -> None:
    base = await client.knowledge.create("House")
    document = await client.knowledge.add(base.id, "house.md", "# House\n\nWe open at seven.", "text/markdown")
    assert document.id in {each.id for each in (await client.knowledge.get(base.id)).documents}
    assert [each.id async for each in client.knowledge.list()] == [base.id]
    await client.knowledge.search(base.id, "when do you open")  # it may not be indexed yet
    await client.knowledge.delete(base.id)
    assert [each async for each in client.knowledge.list()] == []


async def test_whether_callbacks_have_a_secret_of_their_own_is_told(client: Client) -> None:
    secret = await client.webhooks.signing_secret()
    assert (secret.configured, secret.last4) == (False, "")


async def test_the_secret_of_callbacks_is_exchanged_without_losing_one(client: Client) -> None:
    first, second = [await client.webhooks.renew_signing_secret() for _ in range(2)]
    secret = await client.webhooks.signing_secret()
    assert (secret.configured, secret.last4) == (True, second.secret.get_secret_value()[-4:])
    assert first.secret != second.secret


async def test_what_the_local_server_has_not_is_not_deployed(client: Client) -> None:
    with pytest.raises(NotDeployed, match="carrier"):
        await anext(client.telephony.available(area_code="415"))
    with pytest.raises(NotDeployed):
        await client.voice_design.create("A calm guide")
