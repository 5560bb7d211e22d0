"""What every record has: an id, a time, and a model that ignores what a later version wrote."""

from __future__ import annotations

import re
import secrets
import time
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

__all__ = ["WHOLE", "Address", "Record", "new_id", "now_ms"]

_ADDRESS = re.compile(
    r"(https://[A-Za-z0-9.-]{1,253}|http://(127\.0\.0\.1|localhost|\[::1\]))(:[0-9]{1,5})?([/?#][!-~]*)?"
)


def _check_address(address: str) -> str:
    if not _ADDRESS.fullmatch(address):
        raise ValueError("expected an https address without a user name")
    return address


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)
"""Takes 5.0 for 5, as JSON does; comes last in the annotation."""

Address = Annotated[
    str, Field(max_length=2000, json_schema_extra={"pattern": f"^{_ADDRESS.pattern}$"}), AfterValidator(_check_address)
]
"""Where the server may post: https, or this machine; whether that is a private network is seen when it is used."""


class Record(BaseModel):
    """Frozen; nothing is taken for what it is not; fields that are not known are ignored."""

    model_config = ConfigDict(frozen=True, strict=True, hide_input_in_errors=True)


def new_id(kind: str) -> str:
    """Return a new id such as ``agent_3f...``; it cannot be guessed."""
    return f"{kind}_{secrets.token_hex(12)}"


def now_ms() -> int:
    """Return the time in Unix milliseconds."""
    return time.time_ns() // 1_000_000
