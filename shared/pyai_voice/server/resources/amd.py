"""Answering-machine detection: ``/v1/amd/config`` and ``/v1/amd/calls``. Source: protocol of PyAI, "AMD"."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..operations import Asked, Body, Listed, Operation, PageQuery
from ..state.amd import AmdCall, AmdConfig
from ..state.records import Address

__all__ = ["operations"]

_CONFIGURE, _READ = "amd:configure", "amd:read"


class AmdChanges(Body):
    """What changes; null gives back the service's own choice."""

    aggressiveness: Annotated[float, Field(ge=0, le=1)] | None = None
    webhook_url: Address | None = None


class AmdQuery(PageQuery):
    """Which decisions."""

    session_label: str | None = None


async def _config(asked: Asked) -> AmdConfig:
    return await asked.stores.amd.config(asked.organisation)


async def _configure(asked: Asked) -> AmdConfig:
    changes = (await asked.body(AmdChanges)).model_dump(exclude_unset=True)
    now = (await asked.stores.amd.config(asked.organisation)).model_dump()
    wanted = {name: value for name, value in {**now, **changes}.items() if value is not None}
    return await asked.stores.amd.configure(asked.organisation, AmdConfig(**wanted))


async def _list(asked: Asked) -> Listed[AmdCall]:
    query = asked.query(AmdQuery)
    named = {"session_label": query.session_label} if query.session_label else {}
    return Listed[AmdCall].of(await asked.stores.amd.page(asked.organisation, query.limit, query.cursor, **named))


async def _get(asked: Asked) -> AmdCall:
    return await asked.stores.amd.get(asked.organisation, asked.path("call_id"))


operations = [
    Operation("GET", "/v1/amd/config", _config, _CONFIGURE, answer=AmdConfig),
    Operation("POST", "/v1/amd/config", _configure, _CONFIGURE, body=AmdChanges, answer=AmdConfig),
    Operation("GET", "/v1/amd/calls", _list, _READ, query=AmdQuery, answer=Listed[AmdCall]),
    Operation("GET", "/v1/amd/calls/{call_id}", _get, _READ, answer=AmdCall),
]
