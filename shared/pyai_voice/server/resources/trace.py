"""Trace: ``/v1/trace``: rules, and this server's Omni calls held against them when they are read.

Source: protocol of PyAI, "Other REST". There are no findings by meaning here (``/findings`` is always empty), and
nothing interferes with a call that is going on.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from ...errors import service_error
from ..operations import Asked, Listed, Operation, PageQuery, Query
from ..review.rules import Violation
from ..review.scorecard import Interaction, Summary, score
from ..state.calls import Call
from ..state.rules import Rule
from ..state.trace import Guardrails, RulePack, RulePackFields, TraceConfig

__all__ = ["operations", "rules_of"]

_CONFIGURE, _READ = "trace:configure", "trace:read"
_MOST_CALLS = 1000
"""So many calls, the newest, are looked at for one answer."""
_AT_ONCE = 20
_DAY_MS = 86_400_000


class ConfigQuery(Query):
    """Whose settings."""

    agent_id: str | None = None


class NewConfig(TraceConfig):
    """Settings to be put in place of the old ones."""


class ConfigShown(TraceConfig):
    """How an agent is watched."""

    object: Literal["trace.config"] = "trace.config"
    etag: str
    """Of this state of it."""


class NewRulePack(RulePackFields):
    """A pack, or a new version of one."""


class VersionQuery(Query):
    """Which version; the newest without."""

    version: str | None = None


class InteractionQuery(PageQuery):
    """Which calls."""

    verdict: Literal["pass", "warn", "fail"] | None = None
    agent_id: str | None = None


class ViolationQuery(PageQuery):
    """Which violations."""

    rule_id: str | None = None
    severity: str | None = None
    interaction_id: str | None = None


class ViolationShown(Violation):
    """One rule that was broken, and in which call."""

    object: Literal["trace.violation"] = "trace.violation"
    interaction_id: str
    created_at: int


class FindingQuery(PageQuery):
    """Which findings."""

    check_id: str | None = None
    action: str | None = None
    severity: str | None = None
    interaction_id: str | None = None


class ExposureQuery(Query):
    """How far back."""

    window_days: Annotated[int, Field(ge=1, le=365)] = 30


class Exposure(BaseModel):
    """How much was broken in the last days."""

    object: Literal["trace.exposure"] = "trace.exposure"
    window_days: int
    interactions: int
    verdicts: dict[str, int]
    violations_by_rule: dict[str, int]
    violations_by_severity: dict[str, int]
    truncated: bool
    """There were more calls than are looked at."""


async def _config(asked: Asked) -> ConfigShown:
    return _shown(await asked.stores.trace.config(asked.organisation, asked.query(ConfigQuery).agent_id))


async def _configure(asked: Asked) -> ConfigShown:
    wanted = await asked.body(NewConfig)
    config = TraceConfig.model_validate(wanted.model_dump())
    return _shown(await asked.stores.trace.configure(asked.organisation, config))


def _shown(config: TraceConfig) -> ConfigShown:
    etag = sha256(config.model_dump_json().encode()).hexdigest()[:32]
    return ConfigShown(**config.model_dump(), etag=etag)


async def _packs(asked: Asked) -> Listed[RulePack]:
    return Listed(data=await asked.stores.trace.packs(asked.organisation))


async def _add_pack(asked: Asked) -> RulePack:
    return await asked.stores.trace.add(asked.organisation, await asked.body(NewRulePack))


async def _pack(asked: Asked) -> RulePack:
    version = asked.query(VersionQuery).version
    pack = await asked.stores.trace.pack(asked.organisation, asked.path("pack_id"), version)
    if pack is None:
        raise service_error(f"There is no version {(version or '')[:20]!r} of this rule pack", code="not_found")
    return pack


async def rules_of(asked: Asked, agent_id: str | None) -> list[Rule]:
    """Return the rules for an agent: those of its guardrails, then those of all packs."""
    guardrails = (await asked.stores.trace.config(asked.organisation, agent_id)).guardrails
    packs = await asked.stores.trace.packs(asked.organisation)
    return [*_guardrail_rules(guardrails), *(rule for pack in packs for rule in pack.rules)]


def _guardrail_rules(guardrails: Guardrails) -> list[Rule]:
    required = [
        Rule(rule_id=f"mandatory_disclosure_{number}", kind="required", phrases=[phrase], severity="high")
        for number, phrase in enumerate(guardrails.mandatory_disclosures, 1)
    ]
    if not guardrails.blocked_phrases:
        return required
    blocked = Rule(rule_id="blocked_phrase", kind="forbidden", phrases=guardrails.blocked_phrases, severity="high")
    return [*required, blocked]


async def _interactions(asked: Asked) -> Listed[Summary]:
    query = asked.query(InteractionQuery)
    scored, _ = await _scored(asked)
    wanted = {"verdict": query.verdict, "agent_id": query.agent_id}
    return _part([each.summary() for each in scored if _fits(each, wanted)], query)


async def _interaction(asked: Asked) -> Interaction:
    call = await asked.stores.calls.get(asked.organisation, asked.path("interaction_id"))
    return score(call, await rules_of(asked, call.agent_id))


async def _violations(asked: Asked) -> Listed[ViolationShown]:
    query = asked.query(ViolationQuery)
    wanted = query.model_dump(include={"rule_id", "severity", "interaction_id"})
    scored, _ = await _scored(asked)
    found = [
        ViolationShown(**violation.model_dump(), interaction_id=each.interaction_id, created_at=each.created_at)
        for each in scored
        for violation in each.violations
    ]
    return _part([each for each in found if _fits(each, wanted)], query)


async def _findings(asked: Asked) -> Listed[BaseModel]:
    asked.query(FindingQuery)
    return Listed(data=[])


async def _exposure(asked: Asked) -> Exposure:
    days = asked.query(ExposureQuery).window_days
    since = round(time.time() * 1000) - days * _DAY_MS
    scored, whole = await _scored(asked)
    within = [each for each in scored if each.created_at >= since]
    broken = [violation for each in within for violation in each.violations]
    return Exposure(
        window_days=days,
        interactions=len(within),
        verdicts={verdict: sum(each.verdict == verdict for each in within) for verdict in ("pass", "warn", "fail")},
        violations_by_rule=Counter(violation.rule_id for violation in broken),
        violations_by_severity=Counter(violation.severity for violation in broken),
        truncated=not whole and len(within) == len(scored),
    )


async def _scored(asked: Asked) -> tuple[list[Interaction], bool]:
    """Return the newest calls that are over, held against the rules, and whether these are all."""
    found: list[Call] = []
    cursor: str | None = ""
    while cursor is not None and len(found) < _MOST_CALLS:
        page = await asked.stores.calls.page(asked.organisation, _AT_ONCE, cursor)
        found += [call for call in page.entries if call.status != "in_progress"]
        cursor = page.next_cursor
    rules: dict[str | None, list[Rule]] = {}
    scored: list[Interaction] = []
    for call in found:
        if call.agent_id not in rules:
            rules[call.agent_id] = await rules_of(asked, call.agent_id)
        scored.append(score(call, rules[call.agent_id]))
        await asyncio.sleep(0)  # somebody may be speaking meanwhile
    return scored, cursor is None


def _fits(entry: BaseModel, wanted: dict[str, Any]) -> bool:
    return all(value is None or getattr(entry, name) == value for name, value in wanted.items())


def _part(entries: list[Any], query: PageQuery) -> Listed[Any]:
    """Return the part of a list that a cursor asks for; here a cursor counts the entries before it."""
    start = int(query.cursor[1:]) if query.cursor else 0
    end = start + query.limit
    more = end < len(entries)
    return Listed(data=entries[start:end], has_more=more, next_cursor=f"c{end}" if more else None)


_PACKS = "/v1/trace/rule-packs"
_CALLS = "/v1/trace/interactions"

operations = [
    Operation("GET", "/v1/trace/config", _config, _CONFIGURE, query=ConfigQuery, answer=ConfigShown),
    Operation("PUT", "/v1/trace/config", _configure, _CONFIGURE, body=NewConfig, answer=ConfigShown),
    Operation("GET", _PACKS, _packs, _CONFIGURE, answer=Listed[RulePack]),
    Operation("POST", _PACKS, _add_pack, _CONFIGURE, status=201, body=NewRulePack, answer=RulePack),
    Operation("GET", f"{_PACKS}/{{pack_id}}", _pack, _CONFIGURE, query=VersionQuery, answer=RulePack),
    Operation("GET", _CALLS, _interactions, _READ, query=InteractionQuery, answer=Listed[Summary]),
    Operation("GET", f"{_CALLS}/{{interaction_id}}", _interaction, _READ, answer=Interaction),
    Operation("GET", "/v1/trace/violations", _violations, _READ, query=ViolationQuery, answer=Listed[ViolationShown]),
    Operation("GET", "/v1/trace/findings", _findings, _READ, query=FindingQuery, answer=Listed[BaseModel]),
    Operation("GET", "/v1/trace/exposure", _exposure, _READ, query=ExposureQuery, answer=Exposure),
]
