"""What the server answers over HTTP from its stores, one resource a file."""

from __future__ import annotations

from .. import identity
from ..operations import Operation
from . import agents, amd, calls, clones, jobs, models, recap, sessions, tools, trace, voices, webhooks

__all__ = ["OPERATIONS"]

OPERATIONS: list[Operation] = [
    *identity.operations,
    *models.operations,
    *voices.operations,
    *clones.operations,
    *agents.operations,
    *tools.operations,
    *sessions.operations,
    *calls.operations,
    *amd.operations,
    *jobs.operations,
    *webhooks.operations,
    *trace.operations,
    *recap.operations,
]
