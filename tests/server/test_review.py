"""Trace and Recap: calls held against rules and put into numbers, and nothing that nobody said."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyai_voice.server.review.measures import measure
from pyai_voice.server.review.rules import check
from pyai_voice.server.review.scorecard import score
from pyai_voice.server.state.calls import Call, Spoken, ToolUse
from pyai_voice.server.state.rules import Rule
from tests.server.conftest import Local

TRACE, RECAP = "/v1/trace", "/v1/recap"


def said(role: Any, text: str, start: float, end: float, **more: Any) -> Spoken:
    return Spoken(role=role, text=text, start=start, end=end, **more)


CALL = [
    said("agent", "Hello, this call is recorded.", 0.5, 2.5),
    said("caller", "Where is my order?", 3.0, 4.0),
    ToolUse(name="look_up", arguments={"id": 9}, result={"status": "shipped"}, start=4.1, end=4.4),
    said("agent", "It was shipped. I GUARANTEE, it's there tomorrow", 5.0, 8.0, interrupted=True),
    said("caller", "Thanks.", 7.5, 8.5),
    ToolUse(name="end_call", error="no such tool", start=9.0, end=9.1),
    said("agent", "Goodbye.", 8.8, 9.8),
]


def rule(kind: Any, *phrases: str, **more: Any) -> Rule:
    return Rule(rule_id=more.pop("rule_id", "r"), kind=kind, phrases=list(phrases), **more)


def test_a_call_in_numbers() -> None:
    found = measure(CALL, 10.0)
    assert found.model_dump() == {
        "duration_s": 10.0,
        "agent_talk_s": 6.0,
        "caller_talk_s": 2.0,
        "talk_ratio": 0.75,
        "agent_turns": 3,
        "caller_turns": 2,
        "interruptions": 1,
        "longest_agent_turn_s": 3.0,
        "tool_calls": 2,
        "tool_failures": 1,
        "response_median_ms": 650,
        "response_p95_ms": 1000,
    }


def test_a_call_in_which_nobody_spoke_has_no_ratio() -> None:
    found = measure([], 0.0)
    assert (found.talk_ratio, found.response_median_ms, found.response_p95_ms) == (None, None, None)


@pytest.mark.parametrize(
    ("phrase", "is_there"),
    [
        ("i guarantee", True),
        ("I guarantee it's there", True),
        ("guarantee,   IT'S", True),
        ("guarant", False),
        ("shipped guarantee", False),
        ("recorded.", True),
        ("thanks", False),
    ],
)
def test_phrases_are_found_by_whole_words_whatever_their_spelling(phrase: str, is_there: bool) -> None:
    found = check([rule("forbidden", phrase)], [each for each in CALL if isinstance(each, Spoken)])
    assert bool(found) == is_there


def test_a_forbidden_phrase_is_quoted_with_its_place() -> None:
    spoken = [each for each in CALL if isinstance(each, Spoken)]
    (found,) = check([rule("forbidden", "guarantee", severity="high")], spoken)
    assert (found.severity, found.phrase, found.role, found.offset_s) == ("high", "guarantee", "agent", 5.0)
    assert found.quote == "It was shipped. I GUARANTEE, it's there tomorrow"


@pytest.mark.parametrize(
    ("wanted", "is_missing"),
    [
        (rule("required", "call is recorded"), False),
        (rule("required", "no such words", "is recorded"), False),
        (rule("required", "is recorded", within_s=0.5), False),
        (rule("required", "is recorded", within_s=0.4), True),
        (rule("required", "is recorded", role="caller"), True),
        (rule("required", "thanks", role="any"), False),
    ],
)
def test_what_must_be_said_is_missed_when_it_is_not(wanted: Rule, is_missing: bool) -> None:
    found = check([wanted], [each for each in CALL if isinstance(each, Spoken)])
    assert [(each.phrase, each.offset_s) for each in found] == ([(None, None)] if is_missing else [])


@given(
    st.lists(
        st.builds(
            lambda role, text, start, length: said(role, text, start, start + length),
            st.sampled_from(["agent", "caller"]),
            st.text(max_size=50),
            st.floats(0, 1000),
            st.floats(0, 100),
        ),
        max_size=20,
    )
)
def test_the_same_call_has_the_same_score(entries: list[Spoken]) -> None:
    call = Call(call_id="c", status="completed", started_at=1, duration=1100.0, entries=list(entries))
    rules = [rule("forbidden", "a b"), rule("required", "hello", severity="high")]
    first, second = score(call, rules), score(call, rules)
    assert first == second
    assert first.verdict == "fail" or any("hello" in each.text.casefold() for each in entries)
    ratio = first.derived_metrics.talk_ratio
    assert ratio is None or 0 <= ratio <= 1
    assert [turn.t_ms for turn in first.timeline] == sorted(turn.t_ms for turn in first.timeline)


# -- over HTTP --------------------------------------------------------------------------------------


async def put(local: Local, path: str, body: Any) -> httpx.Response:
    return await local.http.put(path, json=body, headers=local.bearer)


async def recorded(local: Local, call_id: str, *entries: Any, agent_id: str | None = None) -> None:
    calls = local.server.app.state.stores.calls
    await calls.begin("org_local", call_id, agent_id=agent_id)
    for entry in entries:
        await calls.note("org_local", call_id, entry)
    await calls.finish("org_local", call_id, "caller", duration=10.0)


async def test_calls_are_held_against_the_rules(local: Local) -> None:
    await recorded(local, "call_1", *CALL, agent_id="agent_1")
    await recorded(local, "call_2", said("agent", "Hello.", 0, 1))
    await local.server.app.state.stores.calls.begin("org_local", "call_3")
    everything = (await local.get(f"{TRACE}/interactions")).json()["data"]
    assert [(each["interaction_id"], each["verdict"]) for each in everything] == [
        ("call_2", "pass"),
        ("call_1", "pass"),
    ]
    pack = {"name": "Promises", "rules": [{"rule_id": "no_promise", "kind": "forbidden", "phrases": ["I guarantee"]}]}
    made = (await local.post(f"{TRACE}/rule-packs", json=pack)).json()
    guardrails = {"mandatory_disclosures": ["call is recorded"], "blocked_phrases": ["never"]}
    config = (await put(local, f"{TRACE}/config", {"guardrails": guardrails})).json()
    assert config["guardrails"]["mode"] == "warn"
    assert (await local.get(f"{TRACE}/config?agent_id=agent_9")).json()["guardrails"] == config["guardrails"]
    failed = (await local.get(f"{TRACE}/interactions?verdict=fail")).json()["data"]
    assert [each["interaction_id"] for each in failed] == ["call_2"]
    one = (await local.get(f"{TRACE}/interactions/call_1")).json()
    assert (one["verdict"], one["violation_count"], one["scorecard"]["medium"]) == ("warn", 1, 1)
    assert one["derived_metrics"]["talk_ratio"] == 0.75
    assert one["quality_metrics"] == {"ttfb_ms": 650, "turn_p95_ms": 1000}
    assert [turn["role"] for turn in one["timeline"]] == ["agent", "caller", "agent", "caller", "agent"]
    assert one["timeline"][1]["tool_calls"][0]["name"] == "look_up"
    assert len(one["audit_hash"]) == 64
    violations = (await local.get(f"{TRACE}/violations")).json()["data"]
    assert [(each["interaction_id"], each["rule_id"]) for each in violations] == [
        ("call_2", "mandatory_disclosure_1"),
        ("call_1", "no_promise"),
    ]
    first = (await local.get(f"{TRACE}/violations?limit=1")).json()
    second = (await local.get(f"{TRACE}/violations?limit=1&cursor={first['next_cursor']}")).json()
    assert [*first["data"], *second["data"]] == violations
    assert (first["has_more"], second["has_more"]) == (True, False)
    assert (await local.get(f"{TRACE}/violations?rule_id=no_promise&severity=high")).json()["data"] == []
    assert (await local.get(f"{TRACE}/findings")).json()["data"] == []
    exposure = (await local.get(f"{TRACE}/exposure?window_days=1")).json()
    assert (exposure["interactions"], exposure["verdicts"]) == (2, {"pass": 0, "warn": 1, "fail": 1})
    assert exposure["violations_by_rule"] == {"no_promise": 1, "mandatory_disclosure_1": 1}
    assert (await local.get(f"{TRACE}/rule-packs/{made['pack_id']}")).json() == made


async def test_a_pack_keeps_its_versions(local: Local) -> None:
    rules = [{"rule_id": "a", "kind": "forbidden", "phrases": ["never"]}]
    first = (await local.post(f"{TRACE}/rule-packs", json={"name": "One", "rules": rules})).json()
    again = {"name": "Two", "pack_id": first["pack_id"], "rules": rules}
    second = (await local.post(f"{TRACE}/rule-packs", json=again)).json()
    path = f"{TRACE}/rule-packs/{first['pack_id']}"
    assert (first["version"], second["version"]) == ("1", "2")
    assert (await local.get(f"{path}?version=1")).json() == first
    assert (await local.get(path)).json() == second
    assert (await local.get(f"{TRACE}/rule-packs")).json()["data"] == [second]
    assert (await local.get(f"{path}?version=3")).status_code == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"{TRACE}/config", {"guardrails": {"mode": "block"}}),
        (f"{TRACE}/config", {"guardrails": {"blocked_phrases": ["..."]}}),
        (f"{RECAP}/config", {"webhook_url": "https://hooks.example/"}),
        (f"{RECAP}/config", {"default_pack_id": "none"}),
        (f"{RECAP}/crm-config", []),
    ],
)
async def test_what_the_local_server_cannot_do_is_refused(local: Local, path: str, body: Any) -> None:
    before = (await local.get(path)).json()
    assert (await put(local, path, body)).status_code == 400
    assert (await local.get(path)).json() == before


async def test_a_recap_has_numbers_and_no_invented_words(local: Local) -> None:
    await recorded(local, "call_1", *CALL)
    (listed,) = (await local.get(f"{RECAP}/calls")).json()["data"]
    one = (await local.get(f"{RECAP}/calls/call_1")).json()
    assert one == listed
    assert (one["status"], one["headline"]) == ("complete", "0 min 10 s, 5 turns, 2 tool calls")
    record = one["record"]
    assert [record[name] for name in ("tldr", "summary_draft", "next_steps")] == [None, None, None]
    assert (record["action_items"], record["objections"]) == ([], [])
    assert [(each["category"], each["offset_s"]) for each in record["moments"]] == [
        ("tool_call", 4),
        ("interruption", 5),
        ("tool_call", 9),
    ]
    assert record["transcript"][1] == {
        "speaker_role": "customer",
        "text": "Where is my order?",
        "offset_s": 3.0,
        "duration_s": 1.0,
    }
    assert (await local.get(f"{RECAP}/calls?status=failed")).json()["data"] == []
    assert (await put(local, f"{RECAP}/config", {"enabled": False})).json()["enabled"] is False
    assert (await local.get(f"{RECAP}/calls")).json()["data"] == []
    assert (await local.get(f"{RECAP}/calls/call_1")).status_code == 404


async def test_a_call_can_be_handed_in(local: Local) -> None:
    await recorded(local, "call_1", *CALL)
    body = {
        "call_duration_s": 60.0,
        "utterances": [{"speaker_role": "agent", "text": "Hello.", "offset_s": 1.0, "duration_s": 2.0}],
    }
    answer = await local.post(f"{RECAP}/calls/mine", json=body)
    assert (answer.status_code, answer.json()["headline"]) == (202, "1 min 0 s, 1 turns, 0 tool calls")
    assert answer.json()["record"]["measures"]["talk_ratio"] == 1.0
    assert (await local.get(f"{RECAP}/calls/mine")).json() == answer.json()
    assert [each["call_id"] for each in (await local.get(f"{RECAP}/calls")).json()["data"]] == ["mine", "call_1"]
    assert [each["call_id"] for each in (await local.get("/v1/omni/calls")).json()["data"]] == ["call_1"]
    assert (await local.get("/v1/omni/calls/mine")).status_code == 404
    assert (await local.post(f"{RECAP}/calls/mine", json=body)).status_code == 202
    assert (await local.post(f"{RECAP}/calls/call_1", json=body)).status_code == 409
    assert (await local.get(f"{RECAP}/calls/call_1")).json()["headline"].startswith("0 min 10 s")


async def test_what_goes_into_a_crm_is_kept_as_it_comes(local: Local) -> None:
    mapping = {"salesforce": {"Summary__c": "tldr"}, "enabled": True}
    assert (await put(local, f"{RECAP}/crm-config", mapping)).json() == mapping
    assert (await local.get(f"{RECAP}/crm-config")).json() == mapping


async def test_recap_and_trace_need_their_scopes(local: Local) -> None:
    key = (await local.http.post("/v1/sandbox/keys")).json()["api_key"]
    for path in (f"{RECAP}/calls", f"{TRACE}/interactions", f"{TRACE}/config", f"{RECAP}/config"):
        assert (await local.http.get(path, headers={"x-api-key": key})).status_code == 403
