"""The secret that webhooks are signed with: whether there is one.

Source: protocol of PyAI, "Other REST" (``/v1/webhooks/signing-secret``).
"""

from __future__ import annotations

from .record import Record
from .resource import Resource

__all__ = ["SigningSecret", "WebhookRequests"]


class SigningSecret(Record):
    """The organisation's secret, never itself."""

    configured: bool = False
    """False: the platform's own secret is used."""
    last4: str = ""
    """Its last four characters."""


class WebhookRequests(Resource):
    """The organisation's webhooks."""

    feature = "webhooks"

    async def signing_secret(self) -> SigningSecret:
        """Tell which secret is in use."""
        return await self._read(SigningSecret, "/webhooks/signing-secret")
