"""Managed telephone numbers: found, bought, given to an agent, released.

Source: protocol of PyAI, "Other REST" (scope ``telephony:manage``).
"""

from __future__ import annotations

from typing import Any

from pydantic import AliasChoices, Field, OnErrorOmit

from .pages import Pages
from .record import Record, Time
from .resource import Resource

__all__ = ["AvailableNumber", "PhoneNumber", "TelephonyRequests"]


class AvailableNumber(Record):
    """A number that can be bought."""

    phone_number: str
    """In E.164, ``+14155550100``."""
    area_code: str = ""
    country: str = ""
    region: str = ""
    locality: str = ""
    capabilities: Any = None
    """As the carrier says it."""
    monthly_cost_cents: float | None = None


class PhoneNumber(Record):
    """A number of the organisation."""

    number_id: str = Field(validation_alias=AliasChoices("id", "number_id"))
    """``pn_...``, for :meth:`TelephonyRequests.assign` and :meth:`TelephonyRequests.release`."""
    phone_number: str = ""
    """In E.164."""
    country: str = ""
    area_code: str = ""
    capabilities: tuple[OnErrorOmit[str], ...] = ()
    agent_id: str | None = None
    """Who answers."""
    recording: bool = False
    monthly_cost_cents: float | None = None
    status: str = ""
    """An open set."""
    created_at: Time | None = None
    released_at: Time | None = None


class TelephonyRequests(Resource):
    """The organisation's telephone numbers."""

    feature = "telephony"
    remedy = "The service answers 404 until a carrier is configured for the account: ask PyAI support for one"

    def available(
        self, *, area_code: str | None = None, contains: str | None = None, limit: int | None = None
    ) -> Pages[AvailableNumber]:
        """List local numbers that can be bought. ``limit`` is the size of a page, 1 to 100."""
        query = {"area_code": area_code, "contains": contains}
        return self._list(AvailableNumber, "/telephony/available", query, limit=limit)

    def list(self, *, include_released: bool = False) -> Pages[PhoneNumber]:
        """List the organisation's numbers."""
        query = {"include_released": True} if include_released else {}
        return self._list(PhoneNumber, "/telephony/numbers", query)

    async def buy(
        self, phone_number: str, *, agent_id: str | None = None, idempotency_key: str | None = None
    ) -> PhoneNumber:
        """Buy a number, which costs money each month; ``agent_id`` is who answers it.

        With an ``idempotency_key`` of yours (a new one for each purchase) the request is sent again as a read is, and
        the number is bought once; without, never.
        """
        body = {"phone_number": phone_number}
        if agent_id is not None:
            body["agent_id"] = agent_id
        return await self._send(PhoneNumber, "POST", "/telephony/numbers", body, idempotency_key=idempotency_key)

    async def assign(self, number_id: str, agent_id: str | None) -> PhoneNumber:
        """Have an agent answer a number; None: nobody."""
        body = {"agent_id": agent_id}
        return await self._send(PhoneNumber, "POST", "/telephony/numbers/{number_id}/assign", body, number_id=number_id)

    async def release(self, number_id: str) -> None:
        """Give a number back; harmless when it is released already."""
        await self._delete("/telephony/numbers/{number_id}", number_id=number_id)
