"""Trace: what agents may say, what they said, and where the two differ.

Source: protocol of PyAI, "Other REST" (scopes ``trace:configure`` and ``trace:read``). The service documents names,
not all shapes: what is not listed here is kept under its own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import AliasChoices, Field, OnErrorOmit

from ..http import HttpClient
from .pages import Pages
from .record import Body, Record, Time
from .resource import Resource

__all__ = [
    "Exposure",
    "Finding",
    "Guardrails",
    "Interaction",
    "RulePack",
    "TimelineTurn",
    "TraceConfig",
    "TraceConfigRequests",
    "TraceFindingRequests",
    "TraceInteractionRequests",
    "TraceRequests",
    "TraceRulePackRequests",
    "TraceSettings",
    "TraceViolationRequests",
    "Violation",
]


class Guardrails(Body):
    """What Trace does while an agent speaks. ``None`` leaves the choice to the service."""

    mode: str | None = None
    """``warn``, ``modify``, ``block`` or ``human_handoff``; an open set."""
    block_pii: bool | None = None
    mandatory_disclosures: tuple[str, ...] | None = None
    blocked_phrases: tuple[str, ...] | None = None
    fail_open: bool | None = None
    """Whether the agent speaks on when Trace does not answer in time."""
    inline_timeout_ms: int | None = None
    """Milliseconds that it may take."""


class TraceSettings(Body):
    """How an agent is watched."""

    agent_id: str | None = None
    """None: the organisation's default."""
    guardrails: Guardrails | None = None


class TraceConfig(Record):
    """How an agent is watched."""

    agent_id: str | None = None
    guardrails: dict[str, Any] = {}
    """As :class:`Guardrails`."""
    etag: str = ""
    """Of this state of it."""


class RulePack(Record):
    """Rules for what is said."""

    pack_id: str = Field(validation_alias=AliasChoices("pack_id", "id"))
    name: str = ""
    version: str = ""
    rules: tuple[OnErrorOmit[dict[str, Any]], ...] = ()


class TimelineTurn(Record):
    """One turn of a call."""

    seq: int = 0
    t_ms: float | None = None
    """Milliseconds from the beginning."""
    role: str = ""
    text: str = ""
    ttfb_ms: float | None = None
    endpointing_ms: float | None = None
    barge: dict[str, Any] = {}
    tool_calls: tuple[OnErrorOmit[dict[str, Any]], ...] = ()


class Interaction(Record):
    """One call that was looked at; a list has no more than its verdict."""

    interaction_id: str = Field(validation_alias=AliasChoices("interaction_id", "id"))
    agent_id: str | None = None
    verdict: str = ""
    """An open set."""
    scored_at: Time | None = None
    created_at: Time | None = None
    scorecard: dict[str, Any] = {}
    scorecard_version: str = ""
    tier2_findings: tuple[OnErrorOmit[dict[str, Any]], ...] = ()
    timeline: tuple[OnErrorOmit[TimelineTurn], ...] = ()
    quality_metrics: dict[str, Any] = {}
    derived_metrics: dict[str, Any] = {}
    audit_hash: str = ""


class Violation(Record):
    """One rule that was broken."""

    rule_id: str = ""
    severity: str = ""
    interaction_id: str = ""
    created_at: Time | None = None


class Finding(Record):
    """What a slower look at a call has found; advice."""

    check_id: str = ""
    action: str = ""
    severity: str = ""
    interaction_id: str = ""
    created_at: Time | None = None


class Exposure(Record):
    """How much was broken in the last days."""

    window_days: int | None = None


class _TracePart(Resource):
    feature = "trace"


class TraceConfigRequests(_TracePart):
    """How agents are watched."""

    async def get(self, agent_id: str | None = None) -> TraceConfig:
        """Return it for one agent; None: the organisation's default."""
        return await self._read(TraceConfig, "/trace/config", {"agent_id": agent_id})

    async def set(self, settings: TraceSettings) -> TraceConfig:
        """Put ``settings`` in its place."""
        return await self._send(TraceConfig, "PUT", "/trace/config", settings.body())


class TraceRulePackRequests(_TracePart):
    """Rules for what is said: the service's and your own."""

    def list(self) -> Pages[RulePack]:
        """List them."""
        return self._list(RulePack, "/trace/rule-packs")

    async def get(self, pack_id: str, version: str | None = None) -> RulePack:
        """Return one; None: its newest version that is in use."""
        return await self._read(RulePack, "/trace/rule-packs/{pack_id}", {"version": version}, pack_id=pack_id)

    async def create(self, rules: Mapping[str, Any]) -> RulePack:
        """Add one, in Trace's own language."""
        return await self._send(RulePack, "POST", "/trace/rule-packs", dict(rules))


class TraceInteractionRequests(_TracePart):
    """Calls that were looked at."""

    def list(
        self,
        *,
        verdict: str | None = None,
        agent_id: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[Interaction]:
        """List them, newest first. ``limit`` is the size of a page, 1 to 100."""
        query = {"verdict": verdict, "agent_id": agent_id}
        return self._list(Interaction, "/trace/interactions", query, limit=limit, cursor=cursor)

    async def get(self, interaction_id: str) -> Interaction:
        """Return one with all that is known of it. Raises RequestError (404)."""
        return await self._read(Interaction, "/trace/interactions/{interaction_id}", interaction_id=interaction_id)


class TraceViolationRequests(_TracePart):
    """Rules that were broken."""

    def list(
        self,
        *,
        rule_id: str | None = None,
        severity: str | None = None,
        interaction_id: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[Violation]:
        """List them. ``limit`` is the size of a page, 1 to 100."""
        query = {"rule_id": rule_id, "severity": severity, "interaction_id": interaction_id}
        return self._list(Violation, "/trace/violations", query, limit=limit, cursor=cursor)


class TraceFindingRequests(_TracePart):
    """What slower looks have found."""

    def list(
        self,
        *,
        check_id: str | None = None,
        action: str | None = None,
        severity: str | None = None,
        interaction_id: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[Finding]:
        """List them. ``limit`` is the size of a page, 1 to 100."""
        query = {"check_id": check_id, "action": action, "severity": severity, "interaction_id": interaction_id}
        return self._list(Finding, "/trace/findings", query, limit=limit, cursor=cursor)


class TraceRequests(_TracePart):
    """What agents may say, and what they said."""

    def __init__(self, http: HttpClient) -> None:
        super().__init__(http)
        self.config = TraceConfigRequests(http)
        """How agents are watched."""
        self.rule_packs = TraceRulePackRequests(http)
        """Rules for what is said."""
        self.interactions = TraceInteractionRequests(http)
        """Calls that were looked at."""
        self.violations = TraceViolationRequests(http)
        """Rules that were broken."""
        self.findings = TraceFindingRequests(http)
        """What slower looks have found."""

    async def exposure(self, window_days: int | None = None) -> Exposure:
        """Return how much was broken in the last days, 1 to 365; None: 30."""
        return await self._read(Exposure, "/trace/exposure", {"window_days": window_days})
