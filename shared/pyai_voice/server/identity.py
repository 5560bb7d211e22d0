"""Who is calling, and keys for everybody on this machine.

Source: protocol of PyAI, "Other REST" (``/v1/me``, ``/v1/sandbox/keys``).
"""

from __future__ import annotations

import secrets
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse

from ..errors import service_error
from ..protocol.hear.wire import read_object
from .limits import limited
from .local import is_local
from .operations import Asked, Operation
from .settings import Settings
from .state import State
from .state.keys import Key

__all__ = ["operations", "sandbox_keys"]

_PROJECT = "proj_local"
_LONGEST_LABEL = 64


class Limits(BaseModel):
    """What the server lets a key do; null: no limit."""

    rps: int | None = None
    burst: int | None = None
    concurrency: int
    monthly_units: int | None = None
    daily_unit_cap: int | None


class Credit(BaseModel):
    """Nothing costs anything here."""

    gated: bool = False
    available_cents: int | None = None


class Me(BaseModel):
    """The calling key."""

    key_id: str
    org_id: str
    project_id: str = _PROJECT
    env: str = "test"
    environment: str = "test"
    status: str = "active"
    org_status: str = "active"
    scopes: list[str]
    expires_at: int | None
    """Unix milliseconds."""
    plan: str = "local"
    limits: Limits
    units_today: int
    credit: Credit = Credit()
    key_budget_cents: int | None = None


async def _me(asked: Asked) -> Me:
    key = asked.key
    return Me(
        key_id=key.key_id,
        org_id=key.organisation,
        scopes=list(key.scopes),
        expires_at=key.expires_at,
        limits=Limits(concurrency=asked.settings.max_streams, daily_unit_cap=key.daily_cap),
        units_today=await asked.stores.usage.today(key.organisation, key.key_id),
    )


operations = [Operation("GET", "/v1/me", _me, answer=Me)]


async def sandbox_keys(request: Request) -> JSONResponse:
    """Serve ``POST /v1/sandbox/keys``: a key of a new organisation; needs no key, but only this machine may ask."""
    if not is_local(request):
        raise service_error("Sandbox keys are only given to callers on the server's own machine", code="unknown_route")
    settings: Settings = request.app.state.settings
    label = await _label(limited(request, settings.max_body))
    stores: State = request.app.state.stores
    organisation = f"org_{secrets.token_hex(8)}"
    key = await stores.keys.mint(label=label, organisation=organisation, daily_cap=settings.sandbox_cap)
    return JSONResponse(_sandbox_key(key, f"{request.scope['scheme']}://{request.headers['host']}"), 201)


async def _label(request: Request) -> str:
    fields = read_object((await request.body()).decode("utf-8", "replace") or "{}")
    label = fields.get("label", "") if fields is not None else None
    if not isinstance(label, str) or len(label) > _LONGEST_LABEL or not label.isprintable():
        raise service_error(
            f"label: expected a JSON object with a label of at most {_LONGEST_LABEL} printable characters",
            code="invalid_request",
        )
    return label


def _sandbox_key(key: Key, base_url: str) -> dict[str, Any]:
    return {
        "object": "sandbox.key",
        "api_key": key.secret,
        "environment": "test",
        "expires_at": key.expires_at,
        "base_url": base_url,
        "key_id": key.key_id,
        "org_id": key.organisation,
        "project_id": _PROJECT,
        "scopes": list(key.scopes),
        "docs": "https://docs.pyai.com",
        "note": "Valid on this local server only.",
    }
