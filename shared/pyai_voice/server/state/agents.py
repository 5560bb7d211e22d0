"""Agent profiles: what an Omni agent is, kept under an id that a session names as its label.

Source: protocol of PyAI, "Agent profiles".
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, model_validator

from ...errors import service_error
from .collection import Collection, Page
from .database import Database
from .records import Address, Record, new_id
from .tools import Tools

__all__ = ["Agent", "AgentFields", "Agents", "Attached", "Profile"]

_CONFIGURED = (
    "voice_id",
    "persona",
    "greeting",
    "language",
    "consent_line",
    "kb_endpoint",
    "kb_token",
    "greeting_variants",
    "persona_perspective",
    "barge_sensitivity",
    "idle_check_in",
    "ack_mode",
    "vocabulary",
)
"""Fields of a profile that are fields of ``configure``."""
_MOST = 1000
"""Profiles of one organisation."""

Short = Annotated[str, Field(max_length=200)]
Label = Annotated[str, Field(max_length=64)]
Value = Annotated[str, Field(max_length=512)]


class Attached(Record):
    """A tool of an agent."""

    tool_id: Annotated[str, Field(min_length=1, max_length=100)]
    """Id of a registered tool, or the name of a built-in one."""
    enabled: bool = True


class AgentFields(Record):
    """What a profile may say. Absent or null: the service's own choice."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    persona: Annotated[str, Field(max_length=32_000)] | None = None
    greeting: Annotated[str, Field(max_length=1000)] | None = None
    greeting_variants: Annotated[list[Annotated[str, Field(max_length=1000)]], Field(max_length=15)] | None = None
    voice_id: Short | None = None
    model: Short | None = None
    language: Literal["en", "fr", "es", "de", "hi"] | None = None
    persona_perspective: Literal["agent", "caller"] | None = None
    barge_sensitivity: Literal["low", "normal", "high"] | float | None = "normal"
    """A word, or a level in dBFS."""
    ack_mode: Short | None = "auto"
    idle_check_in: Literal["auto", "off"] | None = "auto"
    recordings_enabled: bool | None = False
    consent_line: Annotated[str, Field(max_length=500)] | None = None
    kb_endpoint: Address | None = None
    kb_token: Annotated[str, Field(max_length=512)] | None = Field(default=None, repr=False)
    """Never shown again."""
    metadata: Annotated[dict[Label, Value], Field(max_length=16)] | None = {}
    vocabulary: Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=100)] | None = None
    goals: Annotated[list[Annotated[str, Field(max_length=1000)]], Field(max_length=20)] | None = []
    continuity: bool | None = None
    role: Short | None = None
    extraction_schema: dict[str, Any] | None = None
    extraction_webhook_url: Address | None = None


class Agent(AgentFields):
    """A profile as it is kept."""

    object: Literal["agent"] = "agent"
    agent_id: str
    created_at: int
    """Unix seconds, as the service has it for agents."""
    tools: list[Attached] = []

    @model_validator(mode="after")
    def _check_consent(self) -> Self:
        if self.recordings_enabled and not self.consent_line:
            raise ValueError("consent_line: calls can be recorded only with a consent line")
        return self


@dataclass(frozen=True, slots=True)
class Profile:
    """An agent as a session needs it."""

    agent: Agent
    fields: Mapping[str, Any]
    """As a ``configure`` message has them: what the profile says and no more, tools included."""
    secrets: Mapping[str, SecretStr] = field(default_factory=dict[str, SecretStr])
    """Name of a tool with an address -> what its calls are signed with."""


class Agents:
    """The agent profiles of every organisation.

    Raises RequestError ``not_found`` for an id that the organisation does not have.
    """

    def __init__(self, database: Database, tools: Tools) -> None:
        self._agents = Collection(database, "agent", Agent, most=_MOST)
        self._tools = tools

    async def create(self, organisation: str, fields: AgentFields) -> Agent:
        """Keep a new profile. Raises pydantic's ValidationError for one that cannot be."""
        given = fields.model_dump(exclude_none=True)
        agent = Agent(**given, agent_id=new_id("agent"), created_at=int(time.time()))
        return await self._agents.add(organisation, agent.agent_id, agent)

    async def get(self, organisation: str, agent_id: str) -> Agent:
        """Return one."""
        return await self._agents.get(organisation, agent_id)

    async def page(self, organisation: str, limit: int = 20, cursor: str | None = None) -> Page[Agent]:
        """Return a part of the list."""
        return await self._agents.page(organisation, limit, cursor)

    async def update(self, organisation: str, agent_id: str, changes: Mapping[str, Any]) -> Agent:
        """Set the fields that are there; null gives back the service's own choice.

        Raises pydantic's ValidationError for a profile that cannot be.
        """

        def change(agent: Agent) -> Agent:
            given = agent.model_dump(exclude_unset=True) | dict(changes)
            return Agent.model_validate({name: value for name, value in given.items() if value is not None})

        return await self._agents.change(organisation, agent_id, change)

    async def attach(self, organisation: str, agent_id: str, tools: list[Attached]) -> Agent:
        """Give it these tools and no others. Raises RequestError ``invalid_request`` for a tool that does not exist."""
        wanted = [each.tool_id for each in tools]
        known = [tool.tool_id for tool in await self._tools.enabled(organisation, wanted)]
        if missing := [each for each in wanted if each not in known]:
            raise service_error(f"tool_id: there is no tool {missing[0][:60]!r}", code="invalid_request")
        return await self._agents.change(
            organisation, agent_id, lambda agent: agent.model_copy(update={"tools": tools})
        )

    async def remove(self, organisation: str, agent_id: str) -> None:
        """Delete one."""
        await self._agents.remove(organisation, agent_id)

    async def profile(self, organisation: str, label: str) -> Profile | None:
        """Return the agent that a session's label names; None where it names none."""
        agent = await self._agents.find(organisation, label)
        if agent is None:
            return None
        said = agent.model_dump(include={*_CONFIGURED}, exclude_unset=True, exclude_none=True)
        tools = await self._tools.enabled(organisation, [each.tool_id for each in agent.tools if each.enabled])
        if tools:
            said["tools"] = [tool.configured() for tool in tools]
        secrets = {tool.name: SecretStr(tool.hmac_secret) for tool in tools if tool.webhook_url}
        return Profile(agent, said, secrets)
