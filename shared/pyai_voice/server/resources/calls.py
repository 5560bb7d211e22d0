"""Records of Omni calls: ``/v1/omni/calls``. Source: protocol of PyAI, "Other REST"."""

from __future__ import annotations

from ..operations import Asked, Listed, Operation, PageQuery
from ..state.calls import Call

__all__ = ["operations"]

_SCOPE = "omni:read"


class CallQuery(PageQuery):
    """Which calls."""

    session_label: str | None = None
    agent_id: str | None = None


async def _list(asked: Asked) -> Listed[Call]:
    query = asked.query(CallQuery)
    named = {name: value for name in ("session_label", "agent_id") if (value := getattr(query, name))}
    return Listed[Call].of(await asked.stores.calls.page(asked.organisation, query.limit, query.cursor, **named))


async def _get(asked: Asked) -> Call:
    return await asked.stores.calls.get(asked.organisation, asked.path("call_id"))


operations = [
    Operation("GET", "/v1/omni/calls", _list, _SCOPE, query=CallQuery, answer=Listed[Call]),
    Operation("GET", "/v1/omni/calls/{call_id}", _get, _SCOPE, answer=Call),
]
