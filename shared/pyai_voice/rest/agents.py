"""Agent profiles: what an Omni agent is, kept by the service under an id that a session names as its label.

A session with a profile takes its whole agent from there: ``OmniOptions(session_label=agent.agent_id,
configure=False)``. Or it configures everything itself; a ``configure`` with a part may take away what the profile had.

Source: protocol of PyAI, "Agent profiles" (scope ``omni:session``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AliasChoices, Field, OnErrorOmit, SecretStr, field_serializer

from .pages import Pages
from .record import Body, Record, Secret, Time
from .resource import Resource

__all__ = ["Agent", "AgentRequests", "AgentSettings", "AgentTool"]

Key = Annotated[str, Field(max_length=64)]
Value = Annotated[str, Field(max_length=512)]


class AgentSettings(Body):
    """What a profile says. In an update: what is set is changed, None takes it away, the rest stays."""

    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    persona: Annotated[str, Field(max_length=32_000)] | None = None
    """Who the agent is and what it does."""
    greeting: Annotated[str, Field(max_length=1000)] | None = None
    """What it says first."""
    greeting_variants: Annotated[tuple[str, ...], Field(max_length=15)] | None = None
    voice_id: str | None = None
    model: str | None = None
    language: str | None = None
    """ISO 639-1 code."""
    barge_sensitivity: str | float | None = None
    """How easily a caller interrupts: a word (``normal``) or a level in dBFS."""
    ack_mode: str | None = None
    idle_check_in: str | None = None
    recordings_enabled: bool | None = None
    """Needs a ``consent_line``."""
    consent_line: Annotated[str, Field(max_length=500)] | None = None
    kb_endpoint: str | None = None
    """Your knowledge endpoint; https."""
    kb_token: Secret | None = None
    """The bearer that the service shows to it."""
    metadata: Annotated[dict[Key, Value], Field(max_length=16)] | None = None
    vocabulary: Annotated[tuple[str, ...], Field(max_length=100)] | None = None
    """Words to listen for; the service uses few of them. Empty: none."""
    goals: Annotated[tuple[str, ...], Field(max_length=20)] | None = None
    continuity: bool | None = None
    role: str | None = None
    extraction_schema: dict[str, Any] | None = None
    """JSON Schema of what is told of each call."""
    extraction_webhook_url: str | None = None
    """Where that goes (``omni.call.extracted``); https."""

    @field_serializer("kb_token")
    def _show(self, token: SecretStr | None) -> str | None:
        return token.get_secret_value() if token else None


class AgentTool(Record):
    """A tool of an agent."""

    tool_id: str = Field(validation_alias=AliasChoices("tool_id", "id"))
    """Of a registered tool, or the name of a built-in one."""
    enabled: bool = True


class Agent(Record):
    """A profile; what it does not say is None or empty."""

    agent_id: str = Field(validation_alias=AliasChoices("agent_id", "id"))
    """What a session names as its label."""
    name: str = ""
    persona: str | None = Field(default=None, validation_alias=AliasChoices("persona", "persona_system_prompt"))
    greeting: str | None = None
    greeting_variants: tuple[OnErrorOmit[str], ...] = ()
    voice_id: str | None = None
    model: str | None = None
    language: str | None = None
    barge_sensitivity: str | float | None = None
    ack_mode: str | None = None
    idle_check_in: str | None = None
    recordings_enabled: bool = False
    consent_line: str | None = None
    kb_endpoint: str | None = None
    metadata: dict[str, str] = {}
    vocabulary: tuple[OnErrorOmit[str], ...] = ()
    goals: tuple[OnErrorOmit[str], ...] = ()
    continuity: bool | None = None
    role: str | None = None
    extraction_schema: dict[str, Any] | None = None
    extraction_webhook_url: str | None = None
    tools: tuple[OnErrorOmit[AgentTool], ...] = ()
    created_at: Time | None = None


class AgentRequests(Resource):
    """The organisation's agent profiles."""

    feature = "agents"

    def list(self, *, limit: int | None = None, cursor: str | None = None) -> Pages[Agent]:
        """List them. ``limit`` is the size of a page, 1 to 100."""
        return self._list(Agent, "/agents", limit=limit, cursor=cursor)

    async def get(self, agent_id: str) -> Agent:
        """Return one. Raises RequestError (404) if there is none with this id."""
        return await self._read(Agent, "/agents/{agent_id}", agent_id=agent_id)

    async def create(self, name: str, settings: AgentSettings | None = None) -> Agent:
        """Make one."""
        body = settings.body() if settings else {}
        return await self._send(Agent, "POST", "/agents", {**body, "name": name})

    async def update(self, agent_id: str, settings: AgentSettings) -> Agent:
        """Change what ``settings`` sets, and nothing else."""
        return await self._send(Agent, "POST", "/agents/{agent_id}", settings.body(), agent_id=agent_id)

    async def delete(self, agent_id: str) -> None:
        """Delete one."""
        await self._delete("/agents/{agent_id}", agent_id=agent_id)

    async def set_tools(self, agent_id: str, tools: Sequence[AgentTool | str]) -> None:
        """Give it these tools (ids, or AgentTool to have one there but switched off) and no others."""
        wanted = [AgentTool(tool_id=tool) if isinstance(tool, str) else tool for tool in tools]
        body = [{"tool_id": tool.tool_id, "enabled": tool.enabled} for tool in wanted]
        await self._change("PUT", "/agents/{agent_id}/tools", body, agent_id=agent_id)
