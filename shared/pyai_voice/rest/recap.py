"""Recap: what a call was about, in writing.

Source: protocol of PyAI, "Other REST" (scopes ``recap:configure`` and ``recap:read``). The mapping to a CRM has no
documented shape: what is sent and what comes is kept as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AliasChoices, Field, OnErrorOmit

from ..http import HttpClient
from .pages import Pages
from .record import Body, Record, Time
from .resource import Resource

__all__ = [
    "CrmConfig",
    "CrmSettings",
    "Moment",
    "RecapCall",
    "RecapCallRequests",
    "RecapConfig",
    "RecapConfigRequests",
    "RecapCrmConfigRequests",
    "RecapRecord",
    "RecapRequests",
    "RecapSettings",
    "Utterance",
]


class RecapSettings(Body):
    """Whether and how calls are summed up."""

    enabled: bool | None = None
    default_pack_id: str | None = None
    """The rule pack for calls that name none."""
    webhook_url: str | None = None
    """Where recaps are posted, signed; https."""


class RecapConfig(Record):
    """Whether and how calls are summed up."""

    enabled: bool = False
    default_pack_id: str | None = None
    webhook_url: str | None = None


class CrmSettings(Body):
    """What goes into which field of the CRM: ``CrmSettings(...)`` with the service's own names."""


class CrmConfig(Record):
    """What goes into which field of the CRM, under the service's own names."""


class Moment(Record):
    """Something that happened in a call."""

    category: str = ""
    offset_s: float | None = None
    """Whole seconds from the beginning."""
    text: str = ""


class RecapRecord(Record):
    """What a call was about."""

    tldr: str = ""
    summary_draft: str = ""
    next_steps: str = ""
    action_items: tuple[Any, ...] = ()
    objections: tuple[Any, ...] = ()
    moments: tuple[OnErrorOmit[Moment], ...] = ()


class RecapCall(Record):
    """One call."""

    call_id: str = Field(validation_alias=AliasChoices("call_id", "id"))
    status: str = ""
    """``pending``, ``processing``, ``complete`` or ``failed``; an open set."""
    headline: str = ""
    record: RecapRecord | None = None
    """None until it is complete."""
    error: str | None = None
    created_at: Time | None = None


class Utterance(Body):
    """What was said in one go."""

    speaker_role: str
    """``agent`` or ``customer``."""
    text: str
    offset_s: Annotated[float, Field(ge=0)] = 0.0
    """Seconds from the beginning of the call."""
    duration_s: Annotated[float, Field(ge=0)] = 0.0

    def body(self) -> dict[str, Any]:
        """Return it whole as JSON has it."""
        return self.model_dump(mode="json")


class _RecapPart(Resource):
    feature = "recap"


class RecapConfigRequests(_RecapPart):
    """Whether and how calls are summed up."""

    async def get(self) -> RecapConfig:
        """Return it."""
        return await self._read(RecapConfig, "/recap/config")

    async def set(self, settings: RecapSettings) -> RecapConfig:
        """Change what ``settings`` sets."""
        return await self._send(RecapConfig, "PUT", "/recap/config", settings.body())


class RecapCrmConfigRequests(_RecapPart):
    """What goes into which field of the CRM."""

    async def get(self) -> CrmConfig:
        """Return it."""
        return await self._read(CrmConfig, "/recap/crm-config")

    async def set(self, settings: CrmSettings) -> CrmConfig:
        """Put ``settings`` in its place."""
        return await self._send(CrmConfig, "PUT", "/recap/crm-config", settings.body())


class RecapCallRequests(_RecapPart):
    """Calls that are or will be summed up."""

    def list(
        self, *, status: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Pages[RecapCall]:
        """List them. ``limit`` is the size of a page, 1 to 100."""
        return self._list(RecapCall, "/recap/calls", {"status": status}, limit=limit, cursor=cursor)

    async def get(self, call_id: str) -> RecapCall:
        """Return one. Raises RequestError (404) if there is none with this id."""
        return await self._read(RecapCall, "/recap/calls/{call_id}", call_id=call_id)

    async def create(self, call_id: str, duration: float, utterances: Sequence[Utterance]) -> RecapCall:
        """Have a call summed up that lasted ``duration`` seconds."""
        body = {"call_duration_s": duration, "utterances": [utterance.body() for utterance in utterances]}
        return await self._send(RecapCall, "POST", "/recap/calls/{call_id}", body, call_id=call_id)


class RecapRequests(_RecapPart):
    """What calls were about."""

    def __init__(self, http: HttpClient) -> None:
        super().__init__(http)
        self.config = RecapConfigRequests(http)
        """Whether and how calls are summed up."""
        self.crm_config = RecapCrmConfigRequests(http)
        """What goes into which field of the CRM."""
        self.calls = RecapCallRequests(http)
        """The calls."""
