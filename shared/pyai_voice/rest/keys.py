"""Sandbox keys: free, at once, for a week.

Source: protocol of PyAI, "Other REST" (``/v1/sandbox/keys``).
"""

from __future__ import annotations

from pydantic import OnErrorOmit

from ..errors import ConfigurationError
from .record import Record, Secret, Time
from .resource import Resource

__all__ = ["KeyRequests", "SandboxKey"]

_LONGEST_LABEL = 64


class SandboxKey(Record):
    """A new key."""

    api_key: Secret
    """The key itself, told once; ``api_key.get_secret_value()`` shows it."""
    environment: str = ""
    expires_at: Time | None = None
    base_url: str = ""
    """Where it is good."""
    key_id: str = ""
    org_id: str = ""
    project_id: str = ""
    scopes: tuple[OnErrorOmit[str], ...] = ()
    docs: str = ""
    note: str = ""


class KeyRequests(Resource):
    """Makes sandbox keys."""

    feature = "keys"

    async def create(self, label: str = "") -> SandboxKey:
        """Make one; ``label``, at most 64 characters, is for you. Raises RateLimitError when there were too many."""
        if len(label) > _LONGEST_LABEL:
            raise ConfigurationError(f"label: more than {_LONGEST_LABEL} characters", code="invalid_option")
        return await self._send(SandboxKey, "POST", "/sandbox/keys", {"label": label} if label else {})
