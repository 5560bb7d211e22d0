"""Who a key belongs to, and what it may do.

Source: protocol of PyAI, "Other REST" (``/v1/me``) and "Scopes".
"""

from __future__ import annotations

from pydantic import AliasChoices, Field, OnErrorOmit

from ..scopes import allows
from .record import Record, Time
from .resource import Resource

__all__ = ["Account", "AccountRequests", "Credit", "Limits"]


class Limits(Record):
    """What a key may use; None where the service does not say or does not limit."""

    rps: float | None = None
    """Requests a second."""
    burst: float | None = None
    """Requests at once."""
    concurrency: int | None = None
    """Realtime sessions at once."""
    monthly_units: float | None = None
    daily_unit_cap: float | None = None
    """Counted from 00:00 UTC."""


class Credit(Record):
    """What is left to spend."""

    gated: bool = False
    """Whether requests are refused without credit."""
    available_cents: float | None = None


class Account(Record):
    """Who a key belongs to, and what it may do."""

    key_id: str = ""
    org_id: str = ""
    project_id: str = ""
    environment: str = Field(default="", validation_alias=AliasChoices("env", "environment"))
    """test or live."""
    status: str = ""
    """Of the key."""
    org_status: str = ""
    plan: str = ""
    scopes: tuple[OnErrorOmit[str], ...] = ()
    """As the service names them; see :meth:`allows`."""
    expires_at: Time | None = None
    """None: never."""
    limits: Limits = Limits()
    credit: Credit = Credit()
    key_budget_cents: float | None = None

    def allows(self, scope: str) -> bool:
        """Tell whether a scope such as ``speak:synthesize`` is granted, under its old or its new name."""
        return allows(self.scopes, scope)


class AccountRequests(Resource):
    """The account of the key."""

    feature = "me"

    async def get(self) -> Account:
        """Return whose key this is."""
        return await self._read(Account, "/me")
