"""How calls are summed up.

Source: protocol of PyAI, "Other REST" (``/v1/recap``).
"""

from __future__ import annotations

from typing import Any

from pydantic import RootModel

from .collection import Collection
from .database import Database
from .records import Record

__all__ = ["CrmConfig", "Recap", "RecapConfig"]

_ONLY = "config"


class RecapConfig(Record):
    """How calls are summed up."""

    enabled: bool = True
    default_pack_id: str | None = None
    """The rule pack that every call is held against; null: all of the organisation."""
    webhook_url: None = None
    """The local server posts no recaps."""


class CrmConfig(RootModel[dict[str, Any]]):
    """What goes into which field of a CRM; kept as it comes."""


class Recap:
    """The settings of every organisation."""

    def __init__(self, database: Database) -> None:
        self._configs = Collection(database, "recap configuration", RecapConfig, most=1)
        self._crm = Collection(database, "CRM configuration", CrmConfig, most=1)

    async def config(self, organisation: str) -> RecapConfig:
        """Return how calls are summed up."""
        return await self._configs.find(organisation, _ONLY) or RecapConfig()

    async def configure(self, organisation: str, config: RecapConfig) -> RecapConfig:
        """Set it."""
        return await self._configs.put(organisation, _ONLY, config)

    async def crm(self, organisation: str) -> CrmConfig:
        """Return what goes into which field."""
        return await self._crm.find(organisation, _ONLY) or CrmConfig({})

    async def configure_crm(self, organisation: str, config: CrmConfig) -> CrmConfig:
        """Set it."""
        return await self._crm.put(organisation, _ONLY, config)
