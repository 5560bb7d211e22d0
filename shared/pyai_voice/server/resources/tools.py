"""Tools: ``/v1/tools``. Source: protocol of PyAI, "Agent profiles" (tools REST)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..operations import Asked, Deleted, Listed, Operation
from ..state.tools import Tool, ToolFields

__all__ = ["operations"]

_SCOPE = "omni:session"
_ONE = "/v1/tools/{tool_id}"


class NewTool(ToolFields):
    """A tool to be registered."""


class ToolShown(Tool):
    """A tool as it goes out."""

    hmac_secret: Annotated[str, Field(exclude=True)] = ""


def _shown(tool: Tool) -> ToolShown:
    return ToolShown.model_validate(tool.model_dump(exclude={"hmac_secret"}))


async def _list(asked: Asked) -> Listed[ToolShown]:
    return Listed(data=[_shown(each) for each in await asked.stores.tools.list(asked.organisation)])


async def _create(asked: Asked) -> Tool:
    """Answer with the secret, this once."""
    return await asked.stores.tools.create(asked.organisation, await asked.body(NewTool))


async def _get(asked: Asked) -> ToolShown:
    return _shown(await asked.stores.tools.get(asked.organisation, asked.path("tool_id")))


async def _delete(asked: Asked) -> Deleted:
    await asked.stores.tools.remove(asked.organisation, asked.path("tool_id"))
    return Deleted(object="tool", id=asked.path("tool_id"))


operations = [
    Operation("GET", "/v1/tools", _list, _SCOPE, answer=Listed[ToolShown]),
    Operation("POST", "/v1/tools", _create, _SCOPE, status=201, body=NewTool, answer=Tool),
    Operation("GET", _ONE, _get, _SCOPE, answer=ToolShown),
    Operation("DELETE", _ONE, _delete, _SCOPE, answer=Deleted),
]
