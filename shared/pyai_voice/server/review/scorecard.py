"""A call held against the rules: its verdict, where the rules were broken, its course in time. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Literal

from pydantic import BaseModel

from ..state.calls import Call, Spoken, ToolUse
from ..state.rules import Rule
from .measures import Measures, measure
from .rules import Violation, check

__all__ = ["Interaction", "Summary", "score"]

Verdict = Literal["pass", "warn", "fail"]


class Turn(BaseModel):
    """Something that was said, with the tools that were called after it."""

    seq: int
    t_ms: int
    """From the beginning."""
    role: str
    text: str
    interrupted: bool
    """The caller spoke over it."""
    tool_calls: list[dict[str, Any]] = []


class Summary(BaseModel):
    """A call and its verdict."""

    object: Literal["trace.interaction"] = "trace.interaction"
    interaction_id: str
    """The id of the call."""
    agent_id: str | None
    session_label: str | None
    verdict: Verdict
    """``fail``: a rule of high severity was broken; ``warn``: another one; else ``pass``."""
    violation_count: int
    created_at: int
    """Unix milliseconds."""


class Interaction(Summary):
    """A call with all that was found."""

    scorecard_version: str = "local-1"
    scorecard: dict[str, int]
    """How many rules of each severity were broken, and how many were asked."""
    violations: list[Violation]
    tier2_findings: list[dict[str, Any]] = []
    """The local server judges nothing by meaning."""
    timeline: list[Turn]
    quality_metrics: dict[str, int]
    """``ttfb_ms`` (median) and ``turn_p95_ms``, where the agent answered."""
    derived_metrics: Measures
    audit_hash: str
    """SHA-256 of the record and the rules: the same again means the same was looked at."""

    def summary(self) -> Summary:
        """Return what a list shows."""
        return Summary(**self.model_dump(include={*Summary.model_fields}))


def score(call: Call, rules: Sequence[Rule]) -> Interaction:
    """Return what the rules say about a call."""
    said = [each for each in call.entries if isinstance(each, Spoken)]
    violations = check(rules, said)
    measures = measure(call.entries, call.duration or 0.0)
    severities = [violation.severity for violation in violations]
    return Interaction(
        interaction_id=call.call_id,
        agent_id=call.agent_id,
        session_label=call.session_label,
        verdict=_verdict(severities),
        violation_count=len(violations),
        created_at=call.started_at,
        scorecard={"rules": len(rules), **{each: severities.count(each) for each in ("high", "medium", "low")}},
        violations=violations,
        timeline=_timeline(call.entries),
        quality_metrics=_quality(measures),
        derived_metrics=measures,
        audit_hash=_hash(call, rules),
    )


def _verdict(severities: Sequence[str]) -> Verdict:
    if "high" in severities:
        return "fail"
    return "warn" if severities else "pass"


def _timeline(entries: Sequence[Spoken | ToolUse]) -> list[Turn]:
    turns: list[Turn] = []
    for entry in sorted(entries, key=lambda each: each.start):
        at = round(1000 * entry.start)
        if isinstance(entry, Spoken):
            turns.append(Turn(seq=len(turns), t_ms=at, role=entry.role, text=entry.text, interrupted=entry.interrupted))
        elif turns:
            turns[-1].tool_calls.append({"name": entry.name, "args": entry.arguments, "t_ms": at})
    return turns


def _quality(measures: Measures) -> dict[str, int]:
    known = {"ttfb_ms": measures.response_median_ms, "turn_p95_ms": measures.response_p95_ms}
    return {name: value for name, value in known.items() if value is not None}


def _hash(call: Call, rules: Sequence[Rule]) -> str:
    looked_at = {"call": call.model_dump(mode="json"), "rules": [rule.model_dump(mode="json") for rule in rules]}
    return sha256(json.dumps(looked_at, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
