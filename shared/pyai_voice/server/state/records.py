"""What every record has: an id, a time, and a model that ignores what a later version wrote."""

from __future__ import annotations

import secrets
import time

from pydantic import BaseModel, ConfigDict

__all__ = ["Record", "new_id", "now_ms"]


class Record(BaseModel):
    """Frozen; fields that are not known are ignored."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


def new_id(kind: str) -> str:
    """Return a new id such as ``agent_3f...``; it cannot be guessed."""
    return f"{kind}_{secrets.token_hex(12)}"


def now_ms() -> int:
    """Return the time in Unix milliseconds."""
    return time.time_ns() // 1_000_000
