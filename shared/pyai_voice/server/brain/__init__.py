"""What thinks for Omni: a conversation in, words and tool calls out, while they are being found.

Above: the Omni conversation. Below: ``endpoint`` (any OpenAI-compatible model), ``offline`` (rules, passages and the
persona's own facts; no model), ``scripted`` (for tests); ``choose`` takes one of them by the environment.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ...errors import ServerError
from ...events import Passage
from ...omni_options import Tool

__all__ = ["Brain", "BrainError", "Message", "Prompt", "Thought", "ToolRequest"]


class BrainError(ServerError):
    """The brain gave no answer, or not a whole one. Its message names the reason, never a key."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="upstream_error")


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """The brain wants this tool."""

    call_id: str
    """Its own name for the call; the answer is found by it."""
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of a conversation."""

    role: Literal["user", "assistant", "tool", "system"]
    text: str = ""
    tools: tuple[ToolRequest, ...] = ()
    """Of ``assistant``: what it asked for."""
    call_id: str = ""
    """Of ``tool``: which request it answers; ``text`` is the result as JSON, or plain text."""
    failed: bool = False
    """Of ``tool``: ``text`` says why there is no result."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What there is to think about."""

    persona: str
    """Instructions of whoever made the agent."""
    messages: tuple[Message, ...]
    """The conversation so far, oldest first; what was interrupted holds only what was heard."""
    tools: tuple[Tool, ...] = ()
    """What may be asked for."""
    passages: tuple[Passage, ...] = ()
    """Of the knowledge base, for the last message, best first."""
    language: str = "en"
    temperature: float | None = None
    seed: int | None = None
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
    """The agent's further fields, as they are."""


Thought = str | ToolRequest
"""A piece of the reply's text, as small as it likes, or a tool that is wanted."""


class Brain(Protocol):
    """Thinks. One instance serves every conversation."""

    name: str
    """Which one it is, honestly: the model's name, or ``offline``."""

    def think(self, prompt: Prompt) -> AsyncGenerator[Thought]:
        """Yield the reply as it comes. Raises BrainError; closing the generator stops the work."""
        ...

    async def aclose(self) -> None:
        """Let go of connections; safe to call twice."""
        ...
