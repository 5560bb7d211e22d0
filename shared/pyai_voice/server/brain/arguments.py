"""Arguments of a tool out of what a caller said: numbers, codes, choices, dates, names; nothing is made up. English."""

from __future__ import annotations

import re
from typing import Any, cast

from ...omni_options import Tool
from ..engines.words import TextOptions, write_final

__all__ = ["answer_for", "ask_for", "extract", "missing"]

_SMART = TextOptions(smart_format=True)
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w%])")
_CODE = re.compile(r"(?<!\w)(?=[\w-]*\d)[\w-]*\w")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_DATE = re.compile(
    r"(?i)\b(today|tomorrow|yesterday|(?:next |this |on )?(?:mon|tues|wednes|thurs|fri|satur|sun)day"
    r"|(?:january|february|march|april|may|june|july|august|september|october|november|december)"
    r" \d{1,2}(?:st|nd|rd|th)?"
    r"|\d{4}-\d\d-\d\d)\b"
)
_TIME = re.compile(r"(?i)\b(\d{1,2}(?::\d\d)? ?(?:a\.?m\.?|p\.?m\.?)|\d{1,2}:\d\d|noon|midnight|\d{1,2} o'clock)")
_NAME = re.compile(
    r"(?i:\b(?:my name is|the name is|name's|i am|i'm|this is|it is for|it's for))\s+([A-Za-z]+(?: [A-Z][a-z]+)?)"
)
_PLACE = re.compile(r"\b(?:in|at|for|to|from|near)\s+((?:[A-Z][\w'-]+)(?:\s+[A-Z][\w'-]+)*)")
_LEAD = re.compile(
    r"(?i)^(?:it is|it's|its|that is|that's|the|my name is|my|i am|i'm|this is|um|uh|well|yes|sure)[,\s]+"
)
_WHOLE = frozenset("query question text message topic search description request reason note".split())


def extract(tool: Tool, text: str) -> dict[str, Any]:
    """Return the arguments that are in the caller's words."""
    written = write_final(text, _SMART)
    found = {name: _find(name, schema, written) for name, schema in _properties(tool).items()}
    return {name: value for name, value in found.items() if value is not None}


def answer_for(tool: Tool, name: str, text: str) -> Any:
    """Return the argument that somebody gave when asked for it; None where it is not of its type."""
    written = write_final(text, _SMART)
    schema = _properties(tool)[name]
    found = _find(name, schema, written)
    free = schema.get("type", "string") == "string" and "enum" not in schema
    if found is not None or not free or any(part in name.lower() for part, pattern in _BY_NAME if pattern in _EXACT):
        return found
    return _LEAD.sub("", written.strip()).strip(" .,!?") or None


def missing(tool: Tool, arguments: dict[str, Any]) -> str | None:
    """Return the first argument that the tool cannot do without."""
    required = cast("list[str]", tool.parameters.get("required") or [])
    return next((name for name in required if name in _properties(tool) and name not in arguments), None)


def ask_for(tool: Tool, name: str) -> str:
    """Return the question for an argument."""
    choices = cast("list[Any]", _properties(tool)[name].get("enum") or [])
    words = re.sub(r"[_.-]+|(?<=[a-z])(?=[A-Z])", " ", name).lower()
    words = f"{words.removesuffix(' id')} number" if words.endswith(" id") else words
    return f"What is the {words}{': ' + ' or '.join(map(str, choices)) if choices else ''}?"


def _properties(tool: Tool) -> dict[str, dict[str, Any]]:
    listed = cast("dict[str, Any]", tool.parameters.get("properties") or {})
    return {name: cast("dict[str, Any]", schema) for name, schema in listed.items() if isinstance(schema, dict)}


def _find(name: str, schema: dict[str, Any], text: str) -> Any:
    if choices := cast("list[Any]", schema.get("enum") or []):
        return next((each for each in choices if re.search(rf"(?i)\b{re.escape(_words(each))}\b", text)), None)
    match schema.get("type", "string"):
        case "integer":
            found = _NUMBER.search(_DATE.sub("", _TIME.sub("", text)))
            return round(float(found[0])) if found else None
        case "number":
            found = _NUMBER.search(_DATE.sub("", _TIME.sub("", text)))
            return float(found[0]) if found else None
        case "string":
            return _string(name.lower(), text)
        case _:
            return None


def _words(choice: Any) -> str:
    return str(choice).replace("_", " ")


def _string(name: str, text: str) -> str | None:
    """Return a text argument by what its name says that it is."""
    for part, pattern in _BY_NAME:
        if part in name:
            found = pattern.search(text)
            return (found[1] if pattern.groups else found[0]).strip() if found else None
    return text.strip() if name in _WHOLE else None


_BY_NAME = (
    ("mail", _MAIL),
    ("date", _DATE),
    ("day", _DATE),
    ("time", _TIME),
    ("phone", _CODE),
    ("digits", _CODE),
    ("number", _CODE),
    ("code", _CODE),
    ("id", _CODE),
    ("city", _PLACE),
    ("place", _PLACE),
    ("location", _PLACE),
    ("name", _NAME),
)
"""Part of an argument's name -> what it looks like."""
_EXACT = (_MAIL, _CODE)
"""What nobody says in other words."""
