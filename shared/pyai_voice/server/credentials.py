"""Secrets that callers show: long enough, hidden from every log, compared without telling how much is right."""

from __future__ import annotations

import hmac
from hashlib import sha256

from ..errors import ConfigurationError
from ..redact import register

__all__ = ["SHORTEST", "credential", "digest", "same"]

SHORTEST = 16
"""Characters; something shorter can be guessed."""


def credential(secret: str, name: str = "A secret") -> str:
    """Return a secret, which is hidden from now on. Raises ConfigurationError for what is too short to be one."""
    if len(secret) < SHORTEST:
        raise ConfigurationError(f"{name} needs at least {SHORTEST} characters", code="invalid_option")
    register(secret)
    return secret


def digest(secret: str) -> bytes:
    """Return 32 bytes that stand for a secret, whatever its length."""
    return sha256(secret.encode("utf-8", "replace")).digest()


def same(one: str, other: str) -> bool:
    """Compare in a time that depends neither on how much is right nor on the length."""
    return hmac.compare_digest(digest(one), digest(other))
