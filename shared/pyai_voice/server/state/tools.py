"""Tools that agents may call: registered ones, which the server posts to, and the built-in ones.

Source: protocol of PyAI, "Agent profiles" (tools REST) and "Tools".
"""

from __future__ import annotations

import secrets
import sqlite3
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from ...errors import service_error
from .collection import Collection
from .database import Database
from .records import WHOLE, Address, Record, new_id, now_ms

__all__ = ["BUILT_IN", "Tool", "ToolFields", "Tools"]

_MOST = 1000
"""Tools of one organisation."""
_OBJECT: dict[str, Any] = {"properties": {"type": {"const": "object"}}, "required": ["type"]}
_NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}}


class ToolFields(Record):
    """What a new tool says."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    description: Annotated[str, Field(max_length=4000)] = ""
    """When to call it, for the agent."""
    input_schema: Annotated[dict[str, Any], Field(json_schema_extra=_OBJECT)] = _NO_ARGUMENTS
    """JSON Schema of its arguments, an object."""
    webhook_url: Address
    """Where the server posts a call: public, https."""
    timeout_ms: Annotated[int, Field(ge=100, le=60_000), WHOLE] = 5000

    @field_validator("input_schema")
    @classmethod
    def _check_schema(cls, schema: dict[str, Any]) -> dict[str, Any]:
        if schema.get("type") != "object":
            raise ValueError('expected the JSON Schema of an object: {"type": "object", "properties": {...}}')
        return schema


class Tool(Record):
    """A tool as it is kept."""

    object: Literal["tool"] = "tool"
    tool_id: str
    name: str
    description: str = ""
    input_schema: dict[str, Any] = _NO_ARGUMENTS
    webhook_url: str | None = None
    timeout_ms: int = 5000
    execution: Literal["webhook", "engine"] = "webhook"
    """Who carries it out: the address, or the server itself."""
    created_at: int = 0
    """Unix milliseconds."""
    hmac_secret: str = Field(default="", repr=False)
    """What its calls are signed with; shown once, when it is made."""

    def configured(self) -> dict[str, Any]:
        """Return it as ``configure`` lists it."""
        said: dict[str, Any] = {
            "name": self.name,
            "description": self.description,
            "parameters": self.input_schema,
            "execution": "engine",
        }
        if self.webhook_url:
            said |= {"endpoint": self.webhook_url, "timeout_ms": self.timeout_ms}
        return said


def _built_in(name: str, description: str, **arguments: dict[str, Any]) -> Tool:
    schema = {"type": "object", "properties": arguments}
    return Tool(tool_id=name, name=name, description=description, input_schema=schema, execution="engine")


_TEXT = {"type": "string"}
BUILT_IN = {
    tool.tool_id: tool
    for tool in (
        _built_in("datetime", "The date and the time now.", timezone=_TEXT),
        _built_in("transfer_to_human", "Hand the call over to a person.", destination=_TEXT, reason=_TEXT),
        _built_in("send_dtmf", "Press keys of the telephone.", digits=_TEXT),
        _built_in("play_hold", "Let the caller wait.", seconds={"type": "number"}),
        _built_in("collect", "Ask the caller for digits or words.", field=_TEXT, kind=_TEXT),
        _built_in("end_call", "Hang up.", reason=_TEXT),
    )
}
"""Tools that the server itself carries out, by name."""


class Tools:
    """The tools of every organisation."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tools = Collection(database, "tool", Tool, most=_MOST)

    async def create(self, organisation: str, fields: ToolFields) -> Tool:
        """Keep a new tool, with a new secret. Raises RequestError for a name that is taken."""
        tool = Tool(
            **fields.model_dump(),
            tool_id=new_id("tool"),
            created_at=now_ms(),
            hmac_secret=f"whsec_{secrets.token_urlsafe(32)}",
        )

        def create(connection: sqlite3.Connection) -> Tool:
            known = self._tools.select_all(connection, organisation)
            if tool.name in {*BUILT_IN, *(each.name for each in known)}:
                raise service_error(f"name: there is already a tool {tool.name}", code="name_taken", status=409)
            return self._tools.insert(connection, organisation, tool.tool_id, tool)

        return await self._database.run(create)

    async def list(self, organisation: str) -> list[Tool]:
        """Return the built-in ones, then the organisation's own, oldest first."""
        return [*BUILT_IN.values(), *await self._tools.all(organisation)]

    async def get(self, organisation: str, tool_id: str) -> Tool:
        """Return one. Raises RequestError ``not_found``."""
        return BUILT_IN.get(tool_id) or await self._tools.get(organisation, tool_id)

    async def remove(self, organisation: str, tool_id: str) -> None:
        """Delete one of the organisation's own."""
        await self._tools.remove(organisation, tool_id)

    async def enabled(self, organisation: str, tool_ids: list[str]) -> list[Tool]:
        """Return those of these that are still there."""
        known = {tool.tool_id: tool for tool in await self.list(organisation)}
        return [known[each] for each in tool_ids if each in known]
