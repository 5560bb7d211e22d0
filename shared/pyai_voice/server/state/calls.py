"""Records of Omni calls, written while the call goes on, so that a crash loses at most the last words.

Source: protocol of PyAI, "Other REST" (``/v1/omni/calls``). What a record holds is not published; the fields are ours.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ...errors import service_error
from .collection import Collection, Page
from .database import Database
from .records import Record, now_ms

__all__ = ["Call", "CallEntry", "Calls", "Spoken", "ToolUse"]

_MOST = 10_000
"""Calls of one organisation; then the oldest go."""
_MOST_ENTRIES = 5000
"""Entries of one call; what comes after them is counted and left out."""


class Spoken(Record):
    """What one side said in one go."""

    kind: Literal["said"] = "said"
    role: Literal["agent", "caller"]
    text: str
    """Of an interrupted reply only what was heard."""
    start: float
    """Seconds from the beginning of the call."""
    end: float
    interrupted: bool = False
    """The caller spoke over it."""


class ToolUse(Record):
    """One call of a tool."""

    kind: Literal["tool"] = "tool"
    name: str
    arguments: dict[str, Any] = {}
    result: Any = None
    error: str = ""
    """Why there is no result."""
    start: float
    """Seconds from the beginning of the call."""
    end: float


CallEntry = Annotated[Spoken | ToolUse, Field(discriminator="kind")]


class Call(Record):
    """One call."""

    object: Literal["omni.call"] = "omni.call"
    call_id: str
    source: Literal["omni", "recap"] = "omni"
    """Who wrote it down: this server's Omni, or a program that handed it in."""
    session_label: str | None = None
    agent_id: str | None = None
    """Of the profile that the label named."""
    status: Literal["in_progress", "completed", "failed"] = "in_progress"
    voice_id: str | None = None
    language: str | None = None
    started_at: int
    """Unix milliseconds."""
    ended_at: int | None = None
    duration: float | None = None
    """Seconds."""
    end_reason: str | None = None
    """Who or what ended it: ``caller``, ``agent``, ``error``, ``server_restart`` ..."""
    entries: list[CallEntry] = []
    """In the order in which they were written down."""
    entries_left_out: int = 0


class Calls:
    """The calls of every organisation.

    Raises RequestError ``not_found`` for an id that the organisation does not have.
    """

    def __init__(self, database: Database) -> None:
        self._calls = Collection(database, "call", Call, most=_MOST, trim=True)

    async def begin(self, organisation: str, call_id: str, **fields: Any) -> Call:
        """Open a record; ``fields`` are fields of :class:`Call`."""
        return await self._calls.add(organisation, call_id, Call(call_id=call_id, started_at=now_ms(), **fields))

    async def note(self, organisation: str, call_id: str, entry: Spoken | ToolUse) -> None:
        """Write something down."""

        def add(call: Call) -> Call:
            if len(call.entries) >= _MOST_ENTRIES:
                return call.model_copy(update={"entries_left_out": call.entries_left_out + 1})
            return call.model_copy(update={"entries": [*call.entries, entry]})

        await self._calls.change(organisation, call_id, add)

    async def set(self, organisation: str, call_id: str, **fields: Any) -> None:
        """Change fields of :class:`Call` that became known later, such as ``voice_id``."""
        await self._calls.change(organisation, call_id, lambda call: call.model_copy(update=fields))

    async def finish(
        self, organisation: str, call_id: str, reason: str, *, duration: float, failed: bool = False
    ) -> Call:
        """Close a record; ``duration`` in seconds."""
        changes = {
            "status": "failed" if failed else "completed",
            "ended_at": now_ms(),
            "end_reason": reason,
            "duration": duration,
        }
        return await self._calls.change(organisation, call_id, lambda call: call.model_copy(update=changes))

    async def hand_in(self, organisation: str, call: Call) -> Call:
        """Keep a call that another program recorded; a later one with the same id takes its place.

        Raises RequestError ``already_recorded`` (409) when this server itself recorded a call with this id.
        """

        def replace(kept: Call) -> Call:
            if kept.source != "recap":
                raise service_error("This call was recorded here", code="already_recorded", status=409)
            return call

        return await self._calls.put_changed(organisation, call.call_id, call, replace)

    async def get(self, organisation: str, call_id: str) -> Call:
        """Return one."""
        return await self._calls.get(organisation, call_id)

    async def page(self, organisation: str, limit: int = 20, cursor: str | None = None, **equal: str) -> Page[Call]:
        """Return a part of the list; ``equal`` are fields of :class:`Call` and what they must be."""
        return await self._calls.page(organisation, limit, cursor, **equal)

    async def recover(self) -> None:
        """Close the records that the end of an earlier process left open."""
        for organisation, call_id, call in await self._calls.everywhere(status="in_progress"):
            duration = max((entry.end for entry in call.entries), default=0.0)
            await self.finish(organisation, call_id, "server_restart", duration=duration, failed=True)
