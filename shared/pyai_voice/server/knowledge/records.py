"""What every store writes into a new row."""

from __future__ import annotations

import secrets
import time

__all__ = ["new_id", "now_ms"]


def new_id(kind: str) -> str:
    """Return a new id such as ``kb_3f...``; it cannot be guessed."""
    return f"{kind}_{secrets.token_hex(12)}"


def now_ms() -> int:
    """Return the time in Unix milliseconds."""
    return time.time_ns() // 1_000_000
