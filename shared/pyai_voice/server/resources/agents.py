"""Agent profiles: ``/v1/agents``. Source: protocol of PyAI, "Agent profiles"."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, RootModel

from ..operations import Asked, Deleted, Listed, Operation, PageQuery
from ..state.agents import Agent, AgentFields, Attached

__all__ = ["operations"]

_SCOPE = "omni:session"
_MOST_TOOLS = 128


class NewAgent(
    AgentFields,
    json_schema_extra={
        "if": {"properties": {"recordings_enabled": {"const": True}}, "required": ["recordings_enabled"]},
        "then": {"required": ["consent_line"], "properties": {"consent_line": {"type": "string", "minLength": 1}}},
    },
):
    """A profile to be made."""


class AgentChanges(AgentFields):
    """What changes: a field that is there is set, null gives back the service's own choice."""

    name: Annotated[str, Field(min_length=1, max_length=200)] = ""


class AgentShown(Agent):
    """A profile as it goes out."""

    kb_token: Annotated[str | None, Field(exclude=True)] = None


class ToolList(RootModel[Annotated[list[Attached], Field(max_length=_MOST_TOOLS)]]):
    """All the tools of an agent."""


def _shown(agent: Agent) -> AgentShown:
    return AgentShown.model_validate(agent.model_dump(exclude={"kb_token"}))


async def _list(asked: Asked) -> Listed[AgentShown]:
    query = asked.query(PageQuery)
    page = await asked.stores.agents.page(asked.organisation, query.limit, query.cursor)
    return Listed(
        data=[_shown(each) for each in page.entries],
        has_more=page.next_cursor is not None,
        next_cursor=page.next_cursor,
    )


async def _create(asked: Asked) -> AgentShown:
    return _shown(await asked.stores.agents.create(asked.organisation, await asked.body(NewAgent)))


async def _get(asked: Asked) -> AgentShown:
    return _shown(await asked.stores.agents.get(asked.organisation, asked.path("agent_id")))


async def _update(asked: Asked) -> AgentShown:
    changes = (await asked.body(AgentChanges)).model_dump(exclude_unset=True)
    return _shown(await asked.stores.agents.update(asked.organisation, asked.path("agent_id"), changes))


async def _delete(asked: Asked) -> Deleted:
    await asked.stores.agents.remove(asked.organisation, asked.path("agent_id"))
    return Deleted(object="agent", id=asked.path("agent_id"))


async def _tools(asked: Asked) -> Listed[Attached]:
    agent = await asked.stores.agents.get(asked.organisation, asked.path("agent_id"))
    return Listed(data=agent.tools)


async def _attach(asked: Asked) -> Listed[Attached]:
    wanted = (await asked.body(ToolList)).root
    agent = await asked.stores.agents.attach(asked.organisation, asked.path("agent_id"), wanted)
    return Listed(data=agent.tools)


_ONE = "/v1/agents/{agent_id}"
_TOOLS = f"{_ONE}/tools"

operations = [
    Operation("GET", "/v1/agents", _list, _SCOPE, query=PageQuery, answer=Listed[AgentShown]),
    Operation("POST", "/v1/agents", _create, _SCOPE, status=201, body=NewAgent, answer=AgentShown),
    Operation("GET", _ONE, _get, _SCOPE, answer=AgentShown),
    Operation("POST", _ONE, _update, _SCOPE, body=AgentChanges, answer=AgentShown),
    Operation("DELETE", _ONE, _delete, _SCOPE, answer=Deleted),
    Operation("GET", _TOOLS, _tools, _SCOPE, answer=Listed[Attached]),
    Operation("PUT", _TOOLS, _attach, _SCOPE, body=ToolList, answer=Listed[Attached]),
]
