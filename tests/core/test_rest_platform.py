"""Knowledge bases, AMD, telephony, Trace, Recap and webhooks, against scripted servers on real sockets."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pyai_voice.errors import ConfigurationError, NotDeployed
from pyai_voice.redact import clean
from pyai_voice.rest.amd import AmdSettings
from pyai_voice.rest.knowledge import FoundPassage, KnowledgeBase, KnowledgeDocument
from pyai_voice.rest.recap import CrmSettings, RecapSettings, Utterance
from pyai_voice.rest.trace import Guardrails, TraceSettings
from tests.core.scripted_http import Peer, answering, rest

MOMENT = 1_786_000_000_000
WHEN = datetime(2026, 8, 6, 7, 6, 40, tzinfo=UTC)


def asked(request: Peer) -> tuple[str, str]:
    return request.method, request.target


# Knowledge bases

DOCUMENT = {"id": "doc_1", "name": "house.md", "status": "indexed", "reason": None, "chunk_count": 3}
BASE = {"id": "kb_1", "name": "House", "documents": [DOCUMENT, "odd"]}


async def test_knowledge_bases_are_made_filled_read_and_deleted() -> None:
    made, listed = answering(201, BASE), answering(200, {"data": [BASE]})
    async with rest(made, answering(202, DOCUMENT), listed, answering(200, BASE), answering(204)) as (client, server):
        base = await client.knowledge.create("House")
        document = await client.knowledge.add(base.id, "house.md", "# House", "text/markdown")
        assert [each async for each in client.knowledge.list()] == [await client.knowledge.get("kb/1")] == [base]
        await client.knowledge.delete(base.id)
    assert base == KnowledgeBase(id="kb_1", name="House", documents=(document,))
    assert document == KnowledgeDocument(id="doc_1", name="house.md", status="indexed", chunks=3)
    posted, added, _, got, deleted = server.requests
    assert posted.json == {"name": "House"}
    assert added.target == "/v1/knowledgebases/kb_1/documents"
    assert added.json == {"name": "house.md", "text": "# House", "media_type": "text/markdown"}
    assert got.target == "/v1/knowledgebases/kb%2F1"
    assert asked(deleted) == ("DELETE", "/v1/knowledgebases/kb_1")


async def test_a_knowledge_base_is_searched_where_the_service_has_that() -> None:
    passage = {"content": "Coffee is two euros.", "score": 0.7, "document_id": "doc_1"}
    found, missing = answering(200, {"data": [passage, "odd"]}), answering(404, {"error": {"code": "unknown_route"}})
    async with rest(found, missing) as (client, server):
        passages = await client.knowledge.search("kb_1", "coffee", limit=2)
        with pytest.raises(NotDeployed):
            await client.knowledge.search("kb_1", "coffee")
    assert passages == (FoundPassage(content="Coffee is two euros.", score=0.7, document_id="doc_1"),)
    asking, _ = server.requests
    assert asked(asking) == ("POST", "/v1/knowledgebases/kb_1/search")
    assert asking.json == {"query": "coffee", "limit": 2}


# Answering-machine detection


async def test_the_detectors_settings_are_read_and_changed() -> None:
    config = answering(200, {"aggressiveness": 0.3, "webhook_url": "https://acme.com/amd"})
    async with rest(config) as (client, server):
        read = await client.amd.config.get()
        assert await client.amd.config.set(AmdSettings(aggressiveness=0.3, webhook_url=None)) == read
        with pytest.raises(ConfigurationError, match="aggressiveness"):
            AmdSettings(aggressiveness=1.5)
    assert (read.aggressiveness, read.webhook_url) == (0.3, "https://acme.com/amd")
    assert [asked(request) for request in server.requests] == [("GET", "/v1/amd/config"), ("POST", "/v1/amd/config")]
    assert server.requests[1].json == {"aggressiveness": 0.3, "webhook_url": None}


@pytest.mark.parametrize(
    ("answered_by", "machine"), [("human", False), ("voicemail", True), ("a_word_of_tomorrow", False)]
)
async def test_decisions_are_listed_and_read_in_words_of_any_time(answered_by: str, machine: bool) -> None:
    record = {
        "object": "amd.call",
        "call_id": "C_1",
        "answered_by": answered_by,
        "confidence": 0.96,
        "decision_ms": 720,
        "custom_parameters": {"order": "7"},
        "created_at": MOMENT,
    }
    async with rest(answering(200, {"data": [record]}), answering(200, record)) as (client, server):
        (listed,) = [call async for call in client.amd.calls.list(session_label="a b")]
        call = await client.amd.calls.get("C_1")
    assert listed == call
    assert (call.answered_by, call.confidence, call.decision_ms, call.created_at) == (answered_by, 0.96, 720, WHEN)
    assert call.custom_parameters == {"order": "7"}
    assert call.decision().at == 0.72
    assert call.decision().is_machine() is machine
    assert call.decision().parameters == {"order": "7"}
    assert [request.target for request in server.requests] == [
        "/v1/amd/calls?session_label=a+b",
        "/v1/amd/calls/C_1",
    ]


# Telephony

NUMBER = {
    "object": "telephony.number",
    "id": "pn_1",
    "phone_number": "+14155550100",
    "capabilities": ["voice"],
    "agent_id": "agent_1",
    "recording": False,
    "monthly_cost_cents": 100,
    "created_at": MOMENT,
    "released_at": None,
}


async def test_numbers_are_found_bought_assigned_listed_and_released() -> None:
    free = answering(200, {"data": [{"phone_number": "+14155550100", "area_code": 415}]})
    one, many = answering(200, NUMBER), answering(200, {"data": [NUMBER]})
    async with rest(free, answering(201, NUMBER), one, one, many, many, answering(200)) as (client, server):
        (found,) = [each async for each in client.telephony.available(area_code="415", contains="55", limit=3)]
        number = await client.telephony.buy(found.phone_number, agent_id="agent_1")
        await client.telephony.assign(number.number_id, "agent_2")
        await client.telephony.assign(number.number_id, None)
        assert [each async for each in client.telephony.list()] == [number]
        assert [each async for each in client.telephony.list(include_released=True)] == [number]
        await client.telephony.release(number.number_id)
    assert (found.area_code, number.number_id, number.agent_id) == ("415", "pn_1", "agent_1")
    assert (number.capabilities, number.created_at, number.released_at) == (("voice",), WHEN, None)
    assert [asked(request) for request in server.requests] == [
        ("GET", "/v1/telephony/available?area_code=415&contains=55&limit=3"),
        ("POST", "/v1/telephony/numbers"),
        ("POST", "/v1/telephony/numbers/pn_1/assign"),
        ("POST", "/v1/telephony/numbers/pn_1/assign"),
        ("GET", "/v1/telephony/numbers"),
        ("GET", "/v1/telephony/numbers?include_released=true"),
        ("DELETE", "/v1/telephony/numbers/pn_1"),
    ]
    bought, assigned, freed = (server.requests[each] for each in (1, 2, 3))
    assert bought.json == {"phone_number": "+14155550100", "agent_id": "agent_1"}
    assert "idempotency-key" not in bought.headers
    assert (assigned.json, freed.json) == ({"agent_id": "agent_2"}, {"agent_id": None})


# Trace


async def test_what_agents_may_say_is_read_and_written() -> None:
    config = {"agent_id": "agent_1", "guardrails": {"mode": "warn", "tomorrow": 1}, "etag": 'W/"1"'}
    async with rest(answering(200, config)) as (client, server):
        read = await client.trace.config.get("agent_1")
        await client.trace.config.get()
        settings = TraceSettings(
            agent_id="agent_1", guardrails=Guardrails(blocked_phrases=("guaranteed",), mode="block")
        )
        assert await client.trace.config.set(settings) == read
    assert (read.agent_id, read.guardrails, read.etag) == ("agent_1", {"mode": "warn", "tomorrow": 1}, 'W/"1"')
    assert [asked(request) for request in server.requests] == [
        ("GET", "/v1/trace/config?agent_id=agent_1"),
        ("GET", "/v1/trace/config"),
        ("PUT", "/v1/trace/config"),
    ]
    assert server.requests[2].json == {
        "agent_id": "agent_1",
        "guardrails": {"blocked_phrases": ["guaranteed"], "mode": "block"},
    }


async def test_rule_packs_are_listed_read_and_added() -> None:
    pack = {"id": "pack_1", "version": 3, "rules": [{"id": "r_1", "phrase": "guaranteed"}]}
    async with rest(answering(200, {"data": [pack]}), answering(200, pack), answering(201, pack)) as (client, server):
        (listed,) = [each async for each in client.trace.rule_packs.list()]
        assert await client.trace.rule_packs.get("pack/1", version="3") == listed
        assert await client.trace.rule_packs.create({"rules": []}) == listed
    assert (listed.pack_id, listed.version, listed.rules) == ("pack_1", "3", ({"id": "r_1", "phrase": "guaranteed"},))
    assert [asked(request) for request in server.requests] == [
        ("GET", "/v1/trace/rule-packs"),
        ("GET", "/v1/trace/rule-packs/pack%2F1?version=3"),
        ("POST", "/v1/trace/rule-packs"),
    ]


async def test_what_was_said_is_listed_read_and_summed_up() -> None:
    seen = {
        "interaction_id": "int_1",
        "verdict": "fail",
        "scored_at": MOMENT,
        "timeline": [{"seq": 1, "t_ms": 400, "role": "agent", "barge": {"detect_ms": 90}}, None],
        "audit_hash": "abc",
    }
    broken, advice = {"rule_id": "r_1", "interaction_id": "int_1"}, {"check_id": "c_1", "action": "flag"}
    pages = [answering(200, {"data": [each]}) for each in (seen, broken, advice)]
    async with rest(*pages, answering(200, seen), answering(200, {"window_days": 7, "score": 2})) as (client, server):
        (interaction,) = [each async for each in client.trace.interactions.list(verdict="fail", agent_id="a")]
        (violation,) = [each async for each in client.trace.violations.list(rule_id="r_1", severity="high")]
        (finding,) = [each async for each in client.trace.findings.list(check_id="c_1", action="flag", limit=9)]
        assert await client.trace.interactions.get("int_1") == interaction
        exposure = await client.trace.exposure(7)
    assert (interaction.verdict, interaction.scored_at, interaction.audit_hash) == ("fail", WHEN, "abc")
    assert [(turn.seq, turn.t_ms, turn.barge) for turn in interaction.timeline] == [(1, 400, {"detect_ms": 90})]
    assert (violation.rule_id, violation.interaction_id, finding.check_id) == ("r_1", "int_1", "c_1")
    assert (exposure.window_days, exposure.model_extra) == (7, {"score": 2})
    assert [request.target for request in server.requests] == [
        "/v1/trace/interactions?verdict=fail&agent_id=a",
        "/v1/trace/violations?rule_id=r_1&severity=high",
        "/v1/trace/findings?check_id=c_1&action=flag&limit=9",
        "/v1/trace/interactions/int_1",
        "/v1/trace/exposure?window_days=7",
    ]


# Recap


async def test_recaps_settings_are_read_and_changed() -> None:
    config, fields = {"enabled": True, "default_pack_id": "pack_1"}, {"Lead.Summary": "tldr"}
    replies = answering(200, config), answering(200, config), answering(200, fields), answering(200, fields)
    async with rest(*replies) as (client, server):
        read = await client.recap.config.get()
        assert await client.recap.config.set(RecapSettings(enabled=True, webhook_url=None)) == read
        crm = await client.recap.crm_config.get()
        assert await client.recap.crm_config.set(CrmSettings(**fields)) == crm
    assert (read.enabled, read.default_pack_id, read.webhook_url) == (True, "pack_1", None)
    assert crm.model_extra == fields
    assert [asked(request) for request in server.requests] == [
        ("GET", "/v1/recap/config"),
        ("PUT", "/v1/recap/config"),
        ("GET", "/v1/recap/crm-config"),
        ("PUT", "/v1/recap/crm-config"),
    ]
    assert server.requests[1].json == {"enabled": True, "webhook_url": None}
    assert server.requests[3].json == fields


async def test_calls_are_summed_up_listed_and_read() -> None:
    moment = {"category": "objection", "offset_s": 12}
    done = {"call_id": "C_1", "status": "complete", "record": {"tldr": "Sold.", "moments": [moment, 1]}}
    begun = answering(202, {"object": "recap.call", "call_id": "C_1", "status": "pending"})
    async with rest(begun, answering(200, {"data": [done]}), answering(200, done)) as (client, server):
        said = [Utterance(speaker_role="agent", text="Hello.", offset_s=0.5, duration_s=1.0)]
        pending = await client.recap.calls.create("C/1", 30.5, said)
        (listed,) = [call async for call in client.recap.calls.list(status="complete")]
        assert await client.recap.calls.get("C_1") == listed
    assert (pending.status, pending.record, listed.status) == ("pending", None, "complete")
    assert listed.record and listed.record.tldr == "Sold."
    assert [(each.category, each.offset_s) for each in listed.record.moments] == [("objection", 12)]
    assert [asked(request) for request in server.requests] == [
        ("POST", "/v1/recap/calls/C%2F1"),
        ("GET", "/v1/recap/calls?status=complete"),
        ("GET", "/v1/recap/calls/C_1"),
    ]
    assert server.requests[0].json == {
        "call_duration_s": 30.5,
        "utterances": [{"speaker_role": "agent", "text": "Hello.", "offset_s": 0.5, "duration_s": 1.0}],
    }


# Webhooks


async def test_the_signing_secret_is_never_told() -> None:
    async with rest(answering(200, {"configured": True, "last4": "9f0a"})) as (client, server):
        secret = await client.webhooks.signing_secret()
    assert (secret.configured, secret.last4) == (True, "9f0a")
    assert asked(server.requests[0]) == ("GET", "/v1/webhooks/signing-secret")


async def test_a_new_signing_secret_is_told_once_and_hidden_everywhere() -> None:
    answer = {"configured": True, "last4": "9f0a", "secret": "whsec_new-one-9f0a"}
    async with rest(answering(201, answer), answering(404)) as (client, server):
        made = await client.webhooks.renew_signing_secret()
        with pytest.raises(NotDeployed):
            await client.webhooks.renew_signing_secret()
    assert asked(server.requests[0]) == ("POST", "/v1/webhooks/signing-secret")
    assert (made.last4, made.secret.get_secret_value()) == ("9f0a", "whsec_new-one-9f0a")
    assert "new-one" not in repr(made) + str(made) + clean("whsec_new-one-9f0a")
