"""Answering-machine detection: how it is set, and what it decided.

Source: protocol of PyAI, "AMD".
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from .collection import Collection, Page
from .database import Database
from .records import Address, Record

__all__ = ["Amd", "AmdCall", "AmdConfig"]

_MOST = 10_000
"""Decisions of one organisation; then the oldest go."""
_CONFIG = "config"


class AmdConfig(Record):
    """How an organisation wants it."""

    object: Literal["amd.config"] = "amd.config"
    aggressiveness: Annotated[float, Field(ge=0, le=1)] = 0.5
    """0: never hang up on a person; 1: say "machine" fast."""
    webhook_url: Address | None = None
    """Where decisions are posted."""


class AmdCall(Record):
    """One decision, or why there is none."""

    object: Literal["amd.call"] = "amd.call"
    call_id: str
    session_label: str | None = None
    status: Literal["completed", "failed"] = "completed"
    answered_by: str | None = None
    """``human``, ``machine``, ``voicemail``, ``screening``, ``ivr``, ``music``, ``sit_invalid``, ``unknown`` ..."""
    answered_by_twilio: str | None = None
    """``human``, ``machine_start``, ``machine_end_beep``, ``fax``, ``unknown`` ..."""
    confidence: float | None = None
    """0 to 1."""
    decision_ms: int | None = None
    """Milliseconds of sound that the decision took."""
    decision_elapsed_ms: int | None = None
    """Milliseconds on the clock."""
    decision_timeout_ms: int | None = None
    reason: str | None = None
    """In words."""
    rule_id: str | None = None
    subtype: str | None = None
    aggressiveness: float | None = None
    custom_parameters: dict[str, Any] = {}
    """What the caller of the stream gave for correlation."""
    answered_at: int | None = None
    """Unix milliseconds."""
    created_at: int
    """Unix milliseconds."""
    error: str | None = None


class Amd:
    """Settings and decisions of every organisation."""

    def __init__(self, database: Database) -> None:
        self._configs = Collection(database, "AMD configuration", AmdConfig, most=1)
        self._calls = Collection(database, "AMD call", AmdCall, most=_MOST, trim=True)

    async def config(self, organisation: str) -> AmdConfig:
        """Return how it is set."""
        return await self._configs.find(organisation, _CONFIG) or AmdConfig()

    async def configure(self, organisation: str, config: AmdConfig) -> AmdConfig:
        """Set it."""
        return await self._configs.put(organisation, _CONFIG, config)

    async def save(self, organisation: str, call: AmdCall) -> AmdCall:
        """Keep a decision; a second one with the same ``call_id`` takes its place."""
        return await self._calls.put(organisation, call.call_id, call)

    async def get(self, organisation: str, call_id: str) -> AmdCall:
        """Return one. Raises RequestError ``not_found``."""
        return await self._calls.get(organisation, call_id)

    async def page(self, organisation: str, limit: int = 20, cursor: str | None = None, **equal: str) -> Page[AmdCall]:
        """Return a part of the list; ``equal`` are fields of :class:`AmdCall` and what they must be."""
        return await self._calls.page(organisation, limit, cursor, **equal)
