"""What the server answers over HTTP from its stores, one resource a file."""

from __future__ import annotations

from .. import identity
from ..operations import Operation
from . import agents, amd, calls, jobs, sessions, tools, webhooks

__all__ = ["OPERATIONS"]

OPERATIONS: list[Operation] = [
    *identity.operations,
    *agents.operations,
    *tools.operations,
    *sessions.operations,
    *calls.operations,
    *amd.operations,
    *jobs.operations,
    *webhooks.operations,
]
