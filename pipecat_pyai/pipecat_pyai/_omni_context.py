"""What an Omni agent is told of Pipecat's context: its instructions, its tools, and what was said before the call.

Above: :mod:`pipecat_pyai.omni`. Omni takes instructions as a persona and no messages at all, so what was said goes into
the persona as well. No I/O, no state.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, cast

from pipecat.processors.aggregators import async_tool_messages
from pipecat.processors.aggregators.llm_context import LLMContext

from pyai_voice.errors import ConfigurationError
from pyai_voice.omni_options import LONGEST_PERSONA, Tool

__all__ = ["history", "holds_call", "instructions", "persona", "read_tools", "tools_of", "typed_words"]

_LONGEST_HISTORY = 6_000
"""Characters; the newest are kept."""
_PREAMBLE = "What was said in this conversation so far; go on from there, and do not repeat it:"
_INSTRUCTING = ("system", "developer")
_SPEAKERS = {"user": "Caller", "assistant": "You"}


def instructions(messages: Iterable[Any]) -> tuple[str, ...]:
    """Return what the program says to the agent: the texts of its system and developer messages."""
    return tuple(
        text
        for message in messages
        if _role(message) in _INSTRUCTING and not _is_async_result(message) and (text := _text(message))
    )


def history(messages: Iterable[Any]) -> tuple[str, ...]:
    """Return what was said, a line for each message."""
    said = [(_SPEAKERS[role], _text(each)) for each in messages if (role := _role(each)) in _SPEAKERS]
    return tuple(f"{speaker}: {text}" for speaker, text in said if text)


def persona(own: str | None, told: Sequence[str], said: Sequence[str]) -> str | None:
    """Return the persona: the service's own instructions, those of the context, and the newest lines of what was said
    before the call, as many as there is room for; None: nothing.
    """
    instructed = "\n\n".join(part for part in (own, *(text for text in told if text != own)) if part)
    lines = _newest(said, min(_LONGEST_HISTORY, LONGEST_PERSONA - len(instructed) - len(_PREAMBLE) - 2))
    notes = "\n".join((_PREAMBLE, *lines)) if lines else ""
    return "\n\n".join(part for part in (instructed, notes) if part) or None


def _newest(lines: Sequence[str], room: int) -> Sequence[str]:
    """Return the last lines, as many as there is room for."""
    sizes = accumulate(len(line) + 1 for line in reversed(lines))
    return lines[len(lines) - sum(size <= room for size in sizes) :]


def tools_of(context: LLMContext | None, own: LLMContext) -> Sequence[Any]:
    """Return the schemas of the tools that are offered: those of the context, else the service's own."""
    for each in (context, own):
        schema = getattr(each, "tools", None)
        if offered := getattr(schema, "standard_tools", None):
            return cast("Sequence[Any]", offered)
    return ()


def read_tools(schemas: Iterable[Any]) -> tuple[tuple[Tool, ...], tuple[str, ...]]:
    """Return tools as Omni takes them, and a complaint for each that it cannot take."""
    tools: dict[str, Tool] = {}
    complaints: list[str] = []
    for schema in schemas:
        try:
            tool = Tool(**schema.to_default_dict())
        except ConfigurationError as error:
            complaints.append(f"Tool {str(schema.name)[:64]!r} is left out: {error.message}")
        else:
            tools[tool.name] = tool
    return tuple(tools.values()), tuple(complaints)


def typed_words(messages: Sequence[Any], spoken: Iterable[str]) -> str:
    """Return the newest message if it is the user's and was not spoken; empty otherwise."""
    if not messages or _role(messages[-1]) != "user":
        return ""
    text = _text(messages[-1])
    return "" if any(text.endswith(words) for words in spoken) else text


def holds_call(messages: Iterable[Any], tool_call_id: str) -> bool:
    """Tell whether a tool call is in the context."""
    return any(isinstance(each, dict) and each.get("tool_call_id") == tool_call_id for each in messages)


def _role(message: Any) -> str:
    return str(message.get("role", "")) if isinstance(message, dict) else ""


def _text(message: Any) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content.strip()
    parts = content if isinstance(content, list) else []
    return " ".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


def _is_async_result(message: Any) -> bool:
    return async_tool_messages.parse_message(message) is not None
