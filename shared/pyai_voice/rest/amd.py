"""Answering-machine detection: its settings and its records. The stream itself takes Twilio's messages.

Source: protocol of PyAI, "AMD" (scopes ``amd:configure`` and ``amd:read``).
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from ..amd_events import AmdDecision
from ..http import HttpClient
from .pages import Pages
from .record import Body, Record, Time
from .resource import Resource

__all__ = ["AmdCall", "AmdCallRequests", "AmdConfig", "AmdConfigRequests", "AmdRequests", "AmdSettings"]


class AmdSettings(Body):
    """What the account's detection does by default."""

    aggressiveness: Annotated[float, Field(ge=0, le=1)] | None = None
    """Near 0 a person is never taken for a machine, near 1 a machine is found fast."""
    webhook_url: str | None = None
    """Where decisions are posted, signed; https. None takes it away."""


class AmdConfig(Record):
    """What the account's detection does by default."""

    aggressiveness: float | None = None
    webhook_url: str | None = None


class AmdCall(Record):
    """One decision."""

    call_id: str
    session_label: str | None = None
    status: str = ""
    """``completed`` or ``failed``; an open set."""
    answered_by: str = ""
    """human, machine, voicemail, screening, ivr, music, sit_invalid, unknown; an open set."""
    answered_by_twilio: str = ""
    """Twilio's word for it; an open set."""
    subtype: str = ""
    rule_id: str = ""
    """``decision_timeout``: the time was up."""
    confidence: float | None = None
    """0 to 1."""
    decision_ms: float | None = None
    """Milliseconds of audio that the decision took."""
    decision_elapsed_ms: float | None = None
    """Milliseconds on the clock."""
    decision_timeout_ms: float | None = None
    reason: str = ""
    """For people."""
    aggressiveness: float | None = None
    custom_parameters: dict[str, Any] = {}
    """What the call's TwiML gave."""
    answered_at: Time | None = None
    created_at: Time | None = None
    error: str | None = None

    def decision(self) -> AmdDecision:
        """Return it as the stream tells it: ask ``decision().is_machine()``, which knows all vocabularies."""
        return AmdDecision(
            answered_by=self.answered_by,
            answered_by_twilio=self.answered_by_twilio,
            confidence=self.confidence,
            at=None if self.decision_ms is None else self.decision_ms / 1000,
            reason=self.reason,
            call_id=self.call_id,
            subtype=self.subtype,
            rule_id=self.rule_id,
            parameters={name: str(value) for name, value in self.custom_parameters.items()},
        )


class AmdConfigRequests(Resource):
    """The account's settings."""

    feature = "amd"

    async def get(self) -> AmdConfig:
        """Return them."""
        return await self._read(AmdConfig, "/amd/config")

    async def set(self, settings: AmdSettings) -> AmdConfig:
        """Change what ``settings`` sets; a call's own parameters go before it."""
        return await self._send(AmdConfig, "POST", "/amd/config", settings.body())


class AmdCallRequests(Resource):
    """The decisions, newest first."""

    feature = "amd"

    def list(
        self, *, session_label: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Pages[AmdCall]:
        """List them. ``limit`` is the size of a page, 1 to 100."""
        return self._list(AmdCall, "/amd/calls", {"session_label": session_label}, limit=limit, cursor=cursor)

    async def get(self, call_id: str) -> AmdCall:
        """Return one. Raises RequestError (404) if there is none with this id."""
        return await self._read(AmdCall, "/amd/calls/{call_id}", call_id=call_id)


class AmdRequests(Resource):
    """Answering-machine detection."""

    def __init__(self, http: HttpClient) -> None:
        super().__init__(http)
        self.config = AmdConfigRequests(http)
        """The account's settings."""
        self.calls = AmdCallRequests(http)
        """The decisions."""

    feature = "amd"
