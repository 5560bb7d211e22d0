"""Error bodies of HTTP answers, also of a refused WebSocket upgrade: both envelopes, or none.

Source: protocol of PyAI, "Error envelopes": OpenAI's shape on the data plane, RFC 7807 problem+json on the control
plane, ``{"detail": ...}`` from the engine, AudioPod's without a code, or no JSON at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

__all__ = ["Fault", "read_fault"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What an error answer says."""

    code: str
    """The stable word; "" where there is none."""
    message: str
    """For people; "" where there is none."""
    request_id: str | None


def read_fault(body: bytes, headers: Mapping[str, str]) -> Fault:
    """Read an error body of any shape; never raises."""
    fields = _object(body)
    inner = fields.get("error")
    nested = cast("dict[str, Any]", inner) if isinstance(inner, dict) else {}
    problem = _text(fields, "type").rstrip("/").rpartition("/")[2]
    return Fault(
        code=_text(nested, "code") or _text(fields, "code") or problem,
        message=_text(nested, "message")
        or (inner if isinstance(inner, str) else "")
        or _text(fields, "detail")
        or _text(fields, "message")
        or _text(fields, "title"),
        request_id=_header(headers, "x-request-id") or _text(fields, "request_id") or None,
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value for key, value in headers.items() if key.lower() == name), "")
