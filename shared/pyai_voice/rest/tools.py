"""Tools that agents of the organisation may be given; the service posts their calls to your address.

Source: protocol of PyAI, "Agent profiles" (``/v1/tools``).
"""

from __future__ import annotations

from typing import Any

from pydantic import AliasChoices, Field

from ..errors import ConfigurationError
from ..omni_options import Tool
from .pages import Pages
from .record import Record, Secret, Time
from .resource import Resource

__all__ = ["RegisteredTool", "ToolRequests"]


class RegisteredTool(Record):
    """One tool."""

    tool_id: str = Field(validation_alias=AliasChoices("tool_id", "id", "name"))
    """What an agent is given; a built-in tool goes by its name."""
    name: str = ""
    description: str = ""
    parameters: dict[str, Any] = Field(default={}, validation_alias=AliasChoices("input_schema", "parameters"))
    """JSON Schema of its arguments."""
    webhook_url: str | None = None
    timeout_ms: int | None = None
    execution: str | None = None
    """``engine``: built in, the service carries it out."""
    hmac_secret: Secret | None = None
    """What the calls are signed with; told once, when the tool is made."""
    created_at: Time | None = None


class ToolRequests(Resource):
    """The organisation's tools, and those that the service has of its own."""

    feature = "tools"

    def list(self, *, limit: int | None = None, cursor: str | None = None) -> Pages[RegisteredTool]:
        """List them, the built-in ones as well."""
        return self._list(RegisteredTool, "/tools", limit=limit, cursor=cursor)

    async def create(self, tool: Tool) -> RegisteredTool:
        """Register one; the service posts its calls to ``tool.endpoint``. Keep ``hmac_secret``: it is told once."""
        if tool.endpoint is None:
            raise ConfigurationError(
                "endpoint: the service needs an address for the tool's calls",
                code="invalid_option",
                hint="A tool that this program answers itself goes into OmniOptions.tools",
            )
        body: dict[str, object] = {
            "name": tool.name,
            "description": tool.description,
            "input_schema": tool.parameters,
            "webhook_url": tool.endpoint,
        }
        if tool.timeout is not None:
            body["timeout_ms"] = round(tool.timeout * 1000)
        return await self._send(RegisteredTool, "POST", "/tools", body)
