"""What the server answers over HTTP from its stores, one resource a file."""

from __future__ import annotations

from ..operations import Operation
from . import agents, calls, sessions, tools

__all__ = ["OPERATIONS"]

OPERATIONS: list[Operation] = [
    *agents.operations,
    *tools.operations,
    *sessions.operations,
    *calls.operations,
]
