"""What a key may do: scopes, under the names of today and of yesterday.

Source: protocol of PyAI, "Scopes". A scope is ``family:action``; ``family:*`` and ``*`` grant all of them.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["allows"]

_FAMILY_ALIASES = {"voice": "speak"}


def allows(granted: Iterable[str], scope: str) -> bool:
    """Tell whether a scope such as ``speak:synthesize`` is among those granted; ``voice`` and ``speak`` are one."""
    wanted = _canonical(scope)
    family = wanted.partition(":")[0]
    return not {wanted, f"{family}:*", "*"}.isdisjoint(map(_canonical, granted))


def _canonical(scope: str) -> str:
    family, colon, action = scope.partition(":")
    return f"{_FAMILY_ALIASES.get(family, family)}{colon}{action}"
