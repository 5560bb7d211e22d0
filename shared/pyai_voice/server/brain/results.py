"""What a tool gave, in words. English. Pure."""

from __future__ import annotations

import json
from typing import Any, cast

__all__ = ["tell_result"]

_MOST_PARTS = 4
_SAY = ("say", "answer", "message", "text", "summary", "result", "content", "reply")
"""Fields of a tool's result that are meant to be read."""


def tell_result(text: str) -> str:
    """Return the words for a result, given as JSON or as text."""
    try:
        result = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return _in_words(result)


def _in_words(result: object) -> str:
    if isinstance(result, dict):
        fields = cast("dict[str, Any]", result)
        if readable := next((fields[name] for name in _SAY if isinstance(fields.get(name), str)), ""):
            return readable
        plain = {name.replace("_", " "): _value(value) for name, value in fields.items() if _is_plain(value)}
        parts = [f"{name.capitalize()}: {value}." for name, value in plain.items()]
        return " ".join(parts[:_MOST_PARTS]) or "It is done."
    if isinstance(result, list):
        listed = [_value(each) for each in cast("list[object]", result) if _is_plain(each)]
        return f"I found {', '.join(listed[:_MOST_PARTS])}." if listed else "I found nothing."
    return _value(result)


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float) and value != ""


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "nothing" if value is None else str(value)
