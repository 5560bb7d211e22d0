"""How the bodies of answers are read: never trusted, never a reason for another error than ours."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import quote

from ..errors import ConfigurationError, ProtocolError
from ..exchange import NOT_PYAI, Answer

__all__ = ["as_object", "as_objects", "count", "dictionary", "objects_in", "segment", "text", "words"]

_LISTS = ("data", "voices", "voice_profiles")


def segment(name: str, value: str) -> str:
    """Return an id as one segment of a path. Raises ConfigurationError for what is none."""
    if value in ("", ".", ".."):
        raise ConfigurationError(f"{name}: {value!r} is not an id", code="invalid_option")
    return quote(value, safe="")


def as_objects(page: object, answer: Answer) -> list[dict[str, Any]]:
    """Return the objects of a list, bare or in a page. Raises ProtocolError for anything else."""
    found: object = page
    if isinstance(page, dict):
        fields = cast("dict[str, object]", page)
        found = next((fields[name] for name in _LISTS if name in fields), None)
    if not isinstance(found, list):
        raise ProtocolError("The server sent no list", hint=NOT_PYAI, request_id=answer.request_id)
    return [as_object(item, answer) for item in cast("list[object]", found)]


def as_object(value: object, answer: Answer) -> dict[str, Any]:
    """Return an object. Raises ProtocolError for anything else."""
    if not isinstance(value, dict):
        raise ProtocolError("The server sent no object", hint=NOT_PYAI, request_id=answer.request_id)
    return cast("dict[str, Any]", value)


def objects_in(fields: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the objects of a list in an object; what is none is left out."""
    value = fields.get(name)
    items = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]


def text(fields: dict[str, Any], name: str) -> str:
    """Return a text or a whole number as text; empty for anything else."""
    value = fields.get(name)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def count(fields: dict[str, Any], name: str) -> int:
    """Return a whole number; 0 for anything else."""
    value = fields.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def words(fields: dict[str, Any], name: str) -> tuple[str, ...]:
    """Return the texts of a list in an object; empty for anything else."""
    value = fields.get(name)
    items = cast("list[object]", value) if isinstance(value, list) else []
    return tuple(item for item in items if isinstance(item, str))


def dictionary(fields: dict[str, Any], name: str) -> dict[str, Any]:
    """Return an object in an object; empty for anything else."""
    value = fields.get(name)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
