"""Webhooks: is a call to your address really PyAI's?

The header ``X-PyAI-Signature`` says ``t=<Unix seconds>,v1=<64 hex digits>[,v1=...]``: HMAC-SHA256 of ``"<t>." + body``
under the signing secret, once for each secret while secrets are exchanged. Source: protocol of PyAI, "Webhook
signature".
"""

from __future__ import annotations

import hmac
import re
import time
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import sha256

from pydantic import SecretStr

from .errors import ConfigurationError, WebhookError

__all__ = ["SIGNATURE_HEADER", "WebhookVerifier", "sign_webhook", "verify_webhook"]

SIGNATURE_HEADER = "X-PyAI-Signature"

Secret = str | SecretStr
Secrets = Secret | Sequence[Secret]
"""One signing secret, or the new and the old one while they are exchanged."""

_LONGEST_HEADER = 4096
_TIME = re.compile(r"[0-9]{1,12}")
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")


def sign_webhook(body: bytes, secrets: Secrets, *, now: float | None = None) -> str:
    """Return the header's value for a body; ``now`` in Unix seconds (None: the clock's)."""
    stamp = str(int(time.time() if now is None else now))
    return ",".join([f"t={stamp}", *(f"v1={_digest(secret, stamp, body)}" for secret in _listed(secrets))])


def verify_webhook(
    body: bytes, signature: str | None, secrets: Secrets, *, now: float | None = None, tolerance: float = 300.0
) -> None:
    """Return if PyAI signed exactly this body, less than ``tolerance`` seconds ago (or ahead of this clock).

    ``body`` is what came, byte for byte: verify before you parse. ``signature`` is the value of the header
    ``X-PyAI-Signature``, None where it is missing. It may come again within the tolerance: see
    :class:`WebhookVerifier`. Raises WebhookError with code ``missing_signature``, ``malformed_signature``,
    ``stale_signature`` or ``wrong_signature``, and ConfigurationError for a body that is no bytes or no secret.
    """
    _check(body, signature, _listed(secrets), time.time() if now is None else now, tolerance)


class WebhookVerifier:
    """Verifies the webhooks of one address, each delivery once; holds the secrets."""

    def __init__(self, secrets: Secrets, *, tolerance: float = 300.0, most: int = 100_000) -> None:
        """``most`` deliveries are remembered, each for twice ``tolerance`` seconds. Raises ConfigurationError."""
        self._secrets = _listed(secrets)
        self._tolerance = tolerance
        self._most = most
        self._seen: OrderedDict[bytes, float] = OrderedDict()

    def use(self, secrets: Secrets) -> None:
        """Believe these secrets from now on, and no others; what was delivered before stays known.

        While secrets are exchanged name both, the new and the old one. Raises ConfigurationError; then nothing changes.
        """
        self._secrets = _listed(secrets)

    def verify(self, body: bytes, signature: str | None, *, now: float | None = None) -> None:
        """As :func:`verify_webhook`, and a delivery that was seen before is a WebhookError ``replayed``.

        When more than ``most`` have come within the time, new ones are refused with ``too_many``, not forgotten.
        """
        now = time.time() if now is None else now
        stamp = _check(body, signature, self._secrets, now, self._tolerance)
        while self._seen and next(iter(self._seen.values())) < now:
            self._seen.popitem(last=False)
        delivery = sha256(b"%d.%b" % (stamp, body)).digest()  # whichever of its signatures came with it
        if delivery in self._seen:
            raise WebhookError("This webhook was delivered before", code="replayed")
        if len(self._seen) >= self._most:
            raise WebhookError("Too many webhooks within the time in which they are remembered", code="too_many")
        self._seen[delivery] = now + 2 * self._tolerance


def _check(body: bytes, signature: str | None, secrets: Sequence[str], now: float, tolerance: float) -> int:
    if not isinstance(body, bytes):
        raise ConfigurationError(
            f"body: expected the bytes as they came, got {type(body).__name__}", code="invalid_option"
        )
    if not signature:
        raise WebhookError("The webhook is not signed", code="missing_signature", hint=f"It lacks {SIGNATURE_HEADER}")
    stamp, digests = _parse(signature)
    if abs(now - int(stamp)) > tolerance:
        raise WebhookError(
            "The webhook was signed at another time", code="stale_signature", hint="Check the clock of this machine"
        )
    wanted = [_digest(secret, stamp, body) for secret in secrets]
    matches = [hmac.compare_digest(right, digest) for right in wanted for digest in digests]
    if not any(matches):  # every pair is compared, so that the time taken does not tell which one fits
        raise WebhookError(
            "The webhook is signed with another secret, or was changed on its way",
            code="wrong_signature",
            hint="Check the signing secret, and verify the body before it is parsed",
        )
    return int(stamp)


def _parse(signature: str) -> tuple[str, list[str]]:
    if len(signature) > _LONGEST_HEADER:
        raise _malformed("it is too long")
    parts = [part.strip().partition("=") for part in signature.split(",")]
    stamps = [value for name, _, value in parts if name == "t"]
    digests = [value.lower() for name, _, value in parts if name == "v1"]
    if len(stamps) != 1 or not _TIME.fullmatch(stamps[0]):
        raise _malformed("expected one t=<Unix seconds>")
    if not digests or not all(map(_DIGEST.fullmatch, digests)):
        raise _malformed("expected v1=<64 hexadecimal digits>")
    return stamps[0], digests


def _malformed(what: str) -> WebhookError:
    return WebhookError(f"The signature of the webhook cannot be read: {what}", code="malformed_signature")


def _digest(secret: str, stamp: str, body: bytes) -> str:
    return hmac.new(secret.encode(), f"{stamp}.".encode() + body, sha256).hexdigest()


def _listed(secrets: Secrets) -> list[str]:
    each = [secrets] if isinstance(secrets, str | SecretStr) else list(secrets)
    plain = [secret.get_secret_value() if isinstance(secret, SecretStr) else secret for secret in each]
    if not plain or not all(plain):
        raise ConfigurationError(
            "secrets: expected a signing secret", code="invalid_option", hint="The PyAI dashboard shows it"
        )
    return plain
