"""JSON from outside, read so that it can be written again.

What one side takes from another it stores, sends on and hands to a model, and each of them refuses something: NaN and
infinity, half of a surrogate pair, an abyss of brackets.
"""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import Any, cast

__all__ = ["is_shallow", "mended", "read_json"]

_DEEPEST = 64
"""Levels."""
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def read_json(text: str | bytes, *, mend: bool = True) -> Any:
    """Return what a JSON text says; half a surrogate pair, as of an emoji that was cut, becomes a question mark.

    Without ``mend`` it stays. Raises ValueError for what is no JSON, or has more than 64 levels.
    """
    said = text if isinstance(text, str) else text.decode()
    try:
        value = json.loads(said, parse_constant=_refuse, parse_float=_finite)
        if mend:
            value = mended(value, said)
        if is_shallow(value):
            return value
    except RecursionError:
        pass
    raise ValueError("too many levels")


def mended(value: Any, said: str) -> Any:
    """Return the value of a JSON text with each half of a surrogate pair made a question mark."""
    if not _SURROGATE.search(said):
        return value
    return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def is_shallow(value: object, levels: int = _DEEPEST) -> bool:
    """Tell whether a value of JSON has at most so many levels of objects and lists."""
    match value:
        case dict():
            within = [*cast("dict[str, object]", value).values()]
        case list():
            within = cast("list[object]", value)
        case _:
            return True
    return levels > 0 and all(is_shallow(each, levels - 1) for each in within)


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        _refuse(text)
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
