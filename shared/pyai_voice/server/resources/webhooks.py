"""The signing secret of callbacks: ``/v1/webhooks/signing-secret``.

Source: protocol of PyAI, "Webhook signature". There the secret is made in the dashboard; here by ``POST``.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from ..operations import Asked, Operation

__all__ = ["operations"]

_PATH = "/v1/webhooks/signing-secret"


class SigningSecretShown(BaseModel):
    """Whether there is a secret, and how it ends."""

    object: Literal["webhook.signing_secret"] = "webhook.signing_secret"
    configured: bool
    last4: str | None


class NewSigningSecret(SigningSecretShown):
    """A new secret; it is not shown again."""

    secret: str


async def _get(asked: Asked) -> SigningSecretShown:
    secret = await asked.stores.signing.shown(asked.organisation)
    return SigningSecretShown(configured=secret is not None, last4=secret.get_secret_value()[-4:] if secret else None)


async def _renew(asked: Asked) -> NewSigningSecret:
    secret = (await asked.stores.signing.renew(asked.organisation)).get_secret_value()
    return NewSigningSecret(configured=True, last4=secret[-4:], secret=secret)


operations = [
    Operation("GET", _PATH, _get, answer=SigningSecretShown),
    Operation("POST", _PATH, _renew, "webhooks:configure", status=201, answer=NewSigningSecret),
]
