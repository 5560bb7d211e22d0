"""Trace and Recap of the client against the local server: a call is handed in, held against rules, and read."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from pyai_voice import Client, Endpoint
from pyai_voice.errors import NotDeployed, RequestError
from pyai_voice.rest.recap import CrmSettings, RecapSettings, Utterance
from pyai_voice.rest.trace import Guardrails, TraceSettings
from pyai_voice.server.serving import running
from tests.server.fakes import fake_engines

SAID = (
    Utterance(speaker_role="agent", text="Good morning, your refund is guaranteed.", offset_s=0.5, duration_s=2.5),
    Utterance(speaker_role="customer", text="Thank you.", offset_s=3.5, duration_s=0.5),
)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    engines = fake_engines()
    async with running(engines) as server:
        async with Client(Endpoint(api_key=server.api_key, base_url=server.base_url)) as client:
            yield client
    await engines.aclose()


async def test_a_call_is_summed_up_in_numbers(client: Client) -> None:
    assert (await client.recap.config.get()).enabled
    handed_in = await client.recap.calls.create("call 1", 6.0, SAID)
    assert handed_in.call_id == "call 1" and handed_in.status == "complete"
    assert handed_in.record is not None and handed_in.record.tldr == ""
    assert handed_in.headline and handed_in.created_at is not None
    assert await client.recap.calls.get("call 1") == handed_in
    assert [call.call_id async for call in client.recap.calls.list(status="complete", limit=5)] == ["call 1"]
    with pytest.raises(RequestError) as caught:
        await client.recap.calls.get("nobody")
    assert not isinstance(caught.value, NotDeployed)


async def test_recaps_settings_are_kept(client: Client) -> None:
    off = await client.recap.config.set(RecapSettings(enabled=False))
    assert not off.enabled and await client.recap.config.get() == off
    kept = await client.recap.crm_config.set(CrmSettings(**{"Lead.Summary": "tldr"}))
    assert kept.model_extra == {"Lead.Summary": "tldr"}
    assert await client.recap.crm_config.get() == kept


async def test_a_call_is_held_against_the_rules(client: Client) -> None:
    guardrails = Guardrails(blocked_phrases=("guaranteed",))
    config = await client.trace.config.set(TraceSettings(guardrails=guardrails))
    assert config.guardrails["blocked_phrases"] == ["guaranteed"] and config.etag
    assert await client.trace.config.get() == config
    await client.recap.calls.create("call 1", 6.0, SAID)

    (listed,) = [each async for each in client.trace.interactions.list(verdict="fail")]
    interaction = await client.trace.interactions.get(listed.interaction_id)
    assert (listed.verdict, interaction.verdict) == ("fail", "fail")
    assert [(turn.role, turn.t_ms) for turn in interaction.timeline][0][1] == 500
    assert interaction.audit_hash
    (violation,) = [each async for each in client.trace.violations.list(interaction_id=listed.interaction_id)]
    assert violation.rule_id == "blocked_phrase" and violation.severity == "high"
    assert [each async for each in client.trace.findings.list()] == []
    exposure = await client.trace.exposure(7)
    assert exposure.window_days == 7 and exposure.model_extra


async def test_rule_packs_have_versions(client: Client) -> None:
    rule = {"rule_id": "promise", "kind": "forbidden", "phrases": ["guaranteed"]}
    first = await client.trace.rule_packs.create({"name": "House", "rules": [rule]})
    second = await client.trace.rule_packs.create({"pack_id": first.pack_id, "name": "House 2", "rules": [rule]})
    assert second.version != first.version
    assert await client.trace.rule_packs.get(first.pack_id, first.version) == first
    assert await client.trace.rule_packs.get(first.pack_id) == second
    assert [pack.pack_id async for pack in client.trace.rule_packs.list()] == [first.pack_id]
    with pytest.raises(RequestError, match="name"):
        await client.trace.rule_packs.create({"rules": []})
