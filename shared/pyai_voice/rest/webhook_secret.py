"""The secret that webhooks are signed with: whether there is one, and a new one.

Source: protocol of PyAI, "Other REST" (``/v1/webhooks/signing-secret``).
"""

from __future__ import annotations

from .record import Record, Secret
from .resource import Resource

__all__ = ["NewSigningSecret", "SigningSecret", "WebhookRequests"]


class SigningSecret(Record):
    """The organisation's secret, never itself."""

    configured: bool = False
    """False: the platform's own secret is used."""
    last4: str = ""
    """Its last four characters."""


class NewSigningSecret(SigningSecret):
    """A new secret."""

    secret: Secret
    """The secret itself, told once; ``secret.get_secret_value()`` shows it."""


class WebhookRequests(Resource):
    """The organisation's webhooks."""

    feature = "webhooks"

    async def signing_secret(self) -> SigningSecret:
        """Tell which secret is in use."""
        return await self._read(SigningSecret, "/webhooks/signing-secret")

    async def renew_signing_secret(self) -> NewSigningSecret:
        """Make a new secret. For a day webhooks are signed with the old one as well: let a receiver believe both.

        The local server has this; the service makes secrets in its dashboard, and may raise NotDeployed.
        """
        return await self._send(NewSigningSecret, "POST", "/webhooks/signing-secret", None)
