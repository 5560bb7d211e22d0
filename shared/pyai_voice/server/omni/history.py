"""The conversation as the brain is told it: what the caller said, what of the agent was heard, what tools gave."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ...protocol.omni.tools import shortened
from ..brain import Message, ToolRequest

__all__ = ["AgentEntry", "History", "ToolEntry"]

_MOST_ENTRIES, _MOST_CHARACTERS = 200, 24_000
"""Of what a brain is told; the oldest go first."""
_OPEN = "There is no answer yet."
_UNHEARD = " -"
"""After the words of a reply that was interrupted."""


@dataclass(slots=True)
class ToolEntry:
    """A tool that was asked for."""

    request: ToolRequest
    answered: bool = False
    result: Any = None
    error: str = ""

    def message(self) -> Message:
        """Return the answer, or that there is none yet."""
        if not self.answered:
            return Message("tool", _OPEN, call_id=self.request.call_id, failed=True)
        if self.error:
            return Message("tool", self.error, call_id=self.request.call_id, failed=True)
        kept, _ = shortened(self.result) or ("the result cannot be written as JSON", 0)
        text = kept if isinstance(kept, str) else json.dumps(kept, ensure_ascii=False)
        return Message("tool", text, call_id=self.request.call_id)


@dataclass(slots=True)
class AgentEntry:
    """One reply: all that was thought of it, until it is cut to what was heard."""

    text: str = ""
    tools: list[ToolEntry] = field(default_factory=list[ToolEntry])

    def cut(self, heard: str) -> None:
        """Keep only what was heard."""
        self.text = f"{heard.strip()}{_UNHEARD}" if heard.strip() else ""

    def messages(self) -> list[Message]:
        """Return the reply and the answers of its tools."""
        if not self.text and not self.tools:
            return []
        asked = Message("assistant", self.text.strip(), tuple(each.request for each in self.tools))
        return [asked, *(each.message() for each in self.tools)]


class History:
    """Entries in the order in which they began."""

    def __init__(self) -> None:
        self._entries: list[Message | AgentEntry] = []

    def add(self, message: Message) -> None:
        """Take an entry of the client; the answer to a tool that was asked for goes to it."""
        if message.role == "tool" and (entry := self.tool(message.call_id)) is not None:
            entry.answered, entry.result = True, message.text
            entry.error = message.text if message.failed else ""
            return
        self.append(message)

    def append(self, entry: Message | AgentEntry) -> None:
        """Put an entry at the end; a reply may still grow."""
        self._entries.append(entry)
        del self._entries[:-_MOST_ENTRIES]

    def rewrite(self, messages: Iterable[Message]) -> None:
        """Take these in the place of everything."""
        self._entries.clear()
        for message in messages:
            if message.tools:
                self.append(AgentEntry(message.text, [ToolEntry(request) for request in message.tools]))
            else:
                self.add(message)

    def tool(self, call_id: str) -> ToolEntry | None:
        """Return the call with this id."""
        calls = (each for entry in self._entries if isinstance(entry, AgentEntry) for each in entry.tools)
        return next((each for each in calls if each.request.call_id == call_id), None)

    def messages(self) -> tuple[Message, ...]:
        """Return the newest entries that fit, oldest first; a tool's answer never goes without its question."""
        chosen: list[list[Message]] = []
        room = _MOST_CHARACTERS
        for entry in reversed(self._entries):
            messages = entry.messages() if isinstance(entry, AgentEntry) else [entry]
            room -= sum(len(message.text) for message in messages)
            if room < 0 and chosen:
                break
            chosen.append(messages)
        return tuple(message for messages in reversed(chosen) for message in messages)
