"""Records of Omni calls.

Source: protocol of PyAI, "Other REST" (scope ``omni:read``). What a record holds is not published: the fields here are
those of the local server and of the service's other records, and whatever else comes is kept under its own name.
"""

from __future__ import annotations

from typing import Any

from pydantic import AliasChoices, Field, OnErrorOmit

from .pages import Pages
from .record import Record, Time
from .resource import Resource

__all__ = ["CallEntry", "CallRequests", "OmniCall"]


class CallEntry(Record):
    """What was said in one go, or one call of a tool."""

    kind: str = ""
    """``said`` or ``tool``; an open set."""
    role: str = ""
    """``agent`` or ``caller``."""
    text: str = ""
    """Of an interrupted reply only what was heard."""
    start: float | None = None
    """Seconds from the beginning of the call."""
    end: float | None = None
    interrupted: bool = False
    name: str = ""
    """Of the tool."""
    arguments: dict[str, Any] = {}
    result: Any = None
    error: str = ""
    """Why there is no result."""


class OmniCall(Record):
    """One call."""

    call_id: str = Field(validation_alias=AliasChoices("call_id", "id"))
    session_label: str | None = None
    agent_id: str | None = None
    status: str = ""
    """``in_progress``, ``completed`` or ``failed``; an open set."""
    voice_id: str | None = None
    language: str | None = None
    started_at: Time | None = None
    ended_at: Time | None = None
    duration: float | None = None
    """Seconds."""
    end_reason: str | None = None
    entries: tuple[OnErrorOmit[CallEntry], ...] = ()
    """In the order in which they were written down; may be empty in a list."""


class CallRequests(Resource):
    """The organisation's Omni calls."""

    feature = "calls"

    def list(
        self, *, session_label: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Pages[OmniCall]:
        """List them. ``limit`` is the size of a page, 1 to 100."""
        return self._list(OmniCall, "/omni/calls", {"session_label": session_label}, limit=limit, cursor=cursor)

    async def get(self, call_id: str) -> OmniCall:
        """Return one. Raises RequestError (404) if there is none with this id."""
        return await self._read(OmniCall, "/omni/calls/{call_id}", call_id=call_id)
