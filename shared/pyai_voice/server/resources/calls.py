"""Records of Omni calls: ``/v1/omni/calls``. Source: protocol of PyAI, "Other REST"."""

from __future__ import annotations

from ...errors import service_error
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
    page = await asked.stores.calls.page(asked.organisation, query.limit, query.cursor, source="omni", **named)
    return Listed[Call].of(page)


async def _get(asked: Asked) -> Call:
    call = await asked.stores.calls.get(asked.organisation, asked.path("call_id"))
    if call.source != "omni":
        raise service_error(f"There is no call {call.call_id[:60]!r}", code="not_found")
    return call


operations = [
    Operation("GET", "/v1/omni/calls", _list, _SCOPE, query=CallQuery, answer=Listed[Call]),
    Operation("GET", "/v1/omni/calls/{call_id}", _get, _SCOPE, answer=Call),
]
