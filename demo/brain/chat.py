"""A chat request, and the brain's answer to it: words, or the call of the tool ``place_order`` where it is offered."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, Field

from .reply import Conversation, converse
from .words import tokens

__all__ = ["PLACE_ORDER", "Chat"]

PLACE_ORDER = "place_order"
"""The tool that is called with ``{"order": "a large latte ..."}`` when the caller has confirmed; its result tells a
number, as JSON or in words."""
_NUMBER = re.compile(r"number\W{1,4}(\d+)", re.IGNORECASE)


class _Part(BaseModel):
    type: str
    text: str = ""


class _Message(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[_Part] | None = None

    def text(self) -> str:
        parts = self.content or ""
        return parts if isinstance(parts, str) else " ".join(part.text for part in parts)


class _Function(BaseModel):
    name: str


class _Tool(BaseModel):
    function: _Function | None = None


class _StreamOptions(BaseModel):
    include_usage: bool = False


class Chat(BaseModel):
    """The fields of a chat request that matter here; all others are accepted and do nothing."""

    messages: list[_Message] = Field(min_length=1, max_length=1000)
    tools: list[_Tool] | None = None
    stream: bool = False
    stream_options: _StreamOptions | None = None

    def reply(self) -> str:
        """Return what to say; after a tool's result, what it gave."""
        last = self.messages[-1]
        return _receipt(last.text()) if last.role == "tool" else self._conversation().reply

    def order(self) -> str | None:
        """Return the order to place with the tool; None where there is nothing to place, or no such tool."""
        offered = any(tool.function and tool.function.name == PLACE_ORDER for tool in self.tools or ())
        if not offered or self.messages[-1].role == "tool":
            return None
        conversation = self._conversation()
        return str(conversation.order) if conversation.placed else None

    def usage(self, reply: str) -> dict[str, int]:
        """Count words, for want of tokens."""
        asked, answered = sum(len(tokens(message.text())) for message in self.messages), len(tokens(reply))
        return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}

    def _conversation(self) -> Conversation:
        return converse([message.text() for message in self.messages if message.role == "user"], self._passages())

    def _passages(self) -> str:
        """Return the guidance right before the caller's last message; the very first message is instructions."""
        roles = [message.role for message in self.messages]
        place = len(roles) - 2 - roles[::-1].index("user") if "user" in roles else 0
        return self.messages[place].text() if place > 0 and roles[place] in ("system", "developer") else ""


def _receipt(result: str) -> str:
    number = _NUMBER.search(result)
    if number is None:
        return "Sorry, I could not place your order. Please ask at the counter."
    return f"Thank you, that is order number {number[1]}, coming right up!"
