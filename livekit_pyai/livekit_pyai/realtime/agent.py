"""What the Omni agent is: the model's settings, with the instructions, tools and conversation that LiveKit gives.

Above: :mod:`.session`. Omni takes instructions and history in one place, its persona. What LiveKit puts into the
conversation and this call has not heard (an earlier conversation, a note of the program) is told there, newest last.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from livekit.agents import llm

from pyai_voice.omni_options import LONGEST_PERSONA, OmniOptions, Tool

from .tools import described

__all__ = ["AgentDescription"]

_LONGEST_NOTES = 6_000
"""Characters."""
_OF_LIVEKIT = "lk."
"""How the ids of messages begin in which LiveKit keeps instructions."""
_PREAMBLE = "What you also know, from before this call or besides it, the newest last:"
_SPEAKERS = {"user": "Caller", "assistant": "You"}


class AgentDescription:
    """What LiveKit has told so far; ``name`` begins the ids of what was said in this call."""

    def __init__(self, base: OmniOptions, name: str) -> None:
        self._base = base
        self._name = name
        self.instructions: str | None = None
        """None until they are told."""
        self._tools: Sequence[llm.Tool] | None = None
        self._described: tuple[Tool, ...] | None = None
        self.chat = llm.ChatContext.empty()
        """The conversation as LiveKit sees it."""

    @property
    def tools(self) -> Sequence[llm.Tool] | None:
        """LiveKit's tools; None until they are told."""
        return self._tools

    @tools.setter
    def tools(self, tools: Sequence[llm.Tool] | None) -> None:
        self._tools, self._described = tools, None

    @property
    def complete(self) -> bool:
        """Whether instructions and tools are known."""
        return self.instructions is not None and self._tools is not None

    def options(self) -> OmniOptions:
        """Return the whole agent. Raises ConfigurationError for what Omni does not take."""
        if self._described is None:
            self._described = tuple(described(self._tools or ()))
        tools = (*self._base.tools, *self._described)
        if not self._base.configure:
            return self._base.replace(tools=tools)
        return self._base.replace(tools=tools, persona=self._persona() or None)

    def _persona(self) -> str:
        instructions = self.instructions or ""
        notes = self._notes(LONGEST_PERSONA - len(instructions) - len(_PREAMBLE) - 3)
        return "\n".join(part for part in (instructions, *([_PREAMBLE, *notes] if notes else [])) if part)

    def _notes(self, room: int) -> list[str]:
        room = min(room, _LONGEST_NOTES)
        lines: deque[str] = deque()
        for message in reversed(self.chat.messages()):
            if message.id.startswith((self._name, _OF_LIVEKIT)) or not message.text_content:
                continue
            line = f"{_SPEAKERS.get(message.role, 'Note')}: {message.text_content}"
            room -= len(line) + 1
            if room < 0:
                break
            lines.appendleft(line)
        return list(lines)
