"""How the organisation's agents are watched: guardrails, and packs of rules for what is said.

Source: protocol of PyAI, "Other REST" (``/v1/trace``).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .collection import Collection
from .database import Database
from .records import Record, new_id, now_ms
from .rules import Phrase, Rule

__all__ = ["Guardrails", "RulePack", "RulePackFields", "Trace", "TraceConfig"]

_MOST_PACKS = 1000
_MOST_CONFIGS = 1000
_DEFAULT = "default"

Phrases = Annotated[list[Phrase], Field(max_length=100)]


class Guardrails(Record):
    """What an agent may say."""

    mode: Literal["warn"] = "warn"
    """The local server looks at a call when it is over: it can warn, not interfere."""
    mandatory_disclosures: Phrases = []
    """Each must be said by the agent."""
    blocked_phrases: Phrases = []
    """None may be said by the agent."""
    fail_open: bool = True
    inline_timeout_ms: Annotated[int, Field(ge=1, le=1000)] = 10


class TraceConfig(Record):
    """How an agent is watched."""

    agent_id: str | None = None
    """None: every agent that has no settings of its own."""
    guardrails: Guardrails = Guardrails()


class RulePackFields(Record):
    """A pack of rules."""

    pack_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] | None = None
    """Of a pack that gets a new version; None: a new pack."""
    name: Annotated[str, Field(min_length=1, max_length=200)]
    rules: Annotated[list[Rule], Field(min_length=1, max_length=100)]


class RulePack(RulePackFields):
    """One version of a pack."""

    object: Literal["trace.rule_pack"] = "trace.rule_pack"
    pack_id: str  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues] - it has one now
    version: str
    """1, 2, 3 ..."""
    created_at: int
    """Unix milliseconds."""


class _Versions(Record):
    versions: list[RulePack]
    """Oldest first."""


class Trace:
    """Guardrails and rules of every organisation."""

    def __init__(self, database: Database) -> None:
        self._configs = Collection(database, "trace configuration", TraceConfig, most=_MOST_CONFIGS)
        self._packs = Collection(database, "rule pack", _Versions, most=_MOST_PACKS)

    async def config(self, organisation: str, agent_id: str | None = None) -> TraceConfig:
        """Return how an agent is watched: its own settings, else the organisation's, else none."""
        own = await self._configs.find(organisation, _key(agent_id)) if agent_id else None
        common = own or await self._configs.find(organisation, _key(None)) or TraceConfig()
        return common.model_copy(update={"agent_id": agent_id})

    async def configure(self, organisation: str, config: TraceConfig) -> TraceConfig:
        """Set it for one agent, or for all without settings of their own."""
        return await self._configs.put(organisation, _key(config.agent_id), config)

    async def add(self, organisation: str, fields: RulePackFields) -> RulePack:
        """Keep a new pack, or a new version of one."""
        pack_id = fields.pack_id or new_id("pack")

        def append(kept: _Versions) -> _Versions:
            pack = RulePack(
                pack_id=pack_id,
                name=fields.name,
                rules=fields.rules,
                version=str(len(kept.versions) + 1),
                created_at=now_ms(),
            )
            return _Versions(versions=[*kept.versions, pack])

        return (await self._packs.put_changed(organisation, pack_id, _Versions(versions=[]), append)).versions[-1]

    async def packs(self, organisation: str) -> list[RulePack]:
        """Return the newest version of every pack, oldest pack first."""
        return [kept.versions[-1] for kept in await self._packs.all(organisation)]

    async def pack(self, organisation: str, pack_id: str, version: str | None = None) -> RulePack | None:
        """Return one version of a pack (None: the newest); None if there is no such version.

        Raises RequestError ``not_found`` for a pack that is not there.
        """
        versions = (await self._packs.get(organisation, pack_id)).versions
        return next((pack for pack in reversed(versions) if version in (None, pack.version)), None)


def _key(agent_id: str | None) -> str:
    return _DEFAULT if agent_id is None else f"agent:{agent_id}"
