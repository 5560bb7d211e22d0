"""``configure`` and its acknowledgement: what was asked for, and what the service dropped of it.

Above: :mod:`.client`. Source: PyAI's protocol, Omni ("``event`` vs ``type``"): an acknowledgement alone proves nothing,
so its content is compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...omni_events import Configured
from ..hear.wire import items_of, number, text_of

__all__ = ["describe", "dropped", "read_configured"]


def read_configured(fields: Mapping[str, Any]) -> Configured:
    """Read ``configured`` or ``config_ack``."""
    bag = dict(fields)
    endpointing = number(bag, "endpointing_ms")
    return Configured(
        voice=text_of(bag, "voice_id") or None,
        language=text_of(bag, "language_active") or text_of(bag, "language") or None,
        greeting=_flag(bag, "greeting"),
        tools=_count(bag.get("tools")),
        knowledge=_flag(bag, "kb"),
        endpointing=None if endpointing is None else endpointing / 1000,
    )


def dropped(asked: Mapping[str, Any], fields: Mapping[str, Any]) -> list[str]:
    """Return, in words, what the service does otherwise than asked; what it does not mention is taken as done."""
    said = read_configured(fields)
    complaints = [
        _voice(asked.get("voice_id"), said.voice),
        _language(asked.get("language"), fields, said.language),
        _greeting(asked.get("greeting"), said.greeting),
        _tools(asked.get("tools"), said.tools),
        "the knowledge base" if asked.get("kb_endpoint") and said.knowledge is False else "",
    ]
    ignored = [name for name in items_of(dict(fields), "ignored") if isinstance(name, str) and name in asked]
    return [complaint for complaint in (*complaints, *ignored) if complaint]


def describe(asked: Mapping[str, Any]) -> str:
    """Return what a ``configure`` asks for, in words; no values, since they may be private."""
    names = [f"{len(value)} tools" if name == "tools" else name for name, value in asked.items()]
    return ", ".join(names) or "nothing"


def _voice(asked: str | None, said: str | None) -> str:
    return f"voice {asked} ({said} is used)" if asked and said and asked.casefold() != said.casefold() else ""


def _language(asked: str | None, fields: Mapping[str, Any], said: str | None) -> str:
    return (
        f"language {asked} ({said or 'another'} is used)" if asked and fields.get("language_fallback") is True else ""
    )


def _greeting(asked: str | None, said: bool | None) -> str:
    if asked is None or said is None or bool(asked) == said:
        return ""
    return "the greeting" if asked else "the greeting (it greets, though none was wanted)"


def _tools(asked: list[Any] | None, said: int | None) -> str:
    return f"{len(asked)} tools ({said} are there)" if asked and said is not None and said != len(asked) else ""


def _flag(fields: Mapping[str, Any], name: str) -> bool | None:
    value = fields.get(name)
    return value if isinstance(value, bool) else None


def _count(value: object) -> int | None:
    if isinstance(value, list):
        return len(value)  # pyright: ignore[reportUnknownArgumentType] - only its length is of interest
    return value if isinstance(value, int) and not isinstance(value, bool) else None
