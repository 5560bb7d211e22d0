"""Who may ask: a secret header, a bearer token, a signature of the raw body, as Vapi's credentials have them.

Source: Vapi, "Server authentication" and the authentication plans of its API. Every comparison takes the same time
wherever the difference is. A request needs at least one right credential, and no wrong one beside it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from pyai_voice.errors import ConfigurationError, service_error
from pyai_voice.server.credentials import credential, same
from pyai_voice.server.local import is_local

__all__ = ["Access", "Credential", "Signature", "Token"]

_PLACE = re.compile(r"\{([a-z-]+)\}")
_NUMBER = re.compile(r"[0-9]{1,16}(\.[0-9]{1,9})?")
_MILLISECONDS = 1e11
"""A time-stamp beyond it is not in seconds."""


class Credential(Protocol):
    """One way to prove who asks."""

    signs: bool
    """Whether it needs the body."""

    def judge(self, headers: Headers, body: bytes) -> list[str]:
        """Return one verdict for each proof that a request carries: "" for a right one, else what is wrong."""
        ...


@dataclass(frozen=True, slots=True)
class Token:
    """A secret in a header: ``server.secret`` of Vapi, or a bearer credential.

    Raises ConfigurationError for what is too short to be a secret.
    """

    secret: str = field(repr=False)
    header: str = "X-Vapi-Secret"
    prefix: str = ""
    """What stands before it."""
    signs = False

    def __post_init__(self) -> None:
        credential(self.secret)

    @classmethod
    def bearer(cls, token: str, header: str = "Authorization", *, prefix: bool = True) -> Token:
        """Return Vapi's bearer credential: header name and "Include Bearer Prefix" as they are set there."""
        return cls(token, header, "Bearer " if prefix else "")

    def judge(self, headers: Headers, body: bytes) -> list[str]:
        """Compare every header of that name."""
        return ["" if self._is_right(value) else "wrong secret" for value in headers.getlist(self.header)]

    def _is_right(self, value: str) -> bool:
        begins = value[: len(self.prefix)].lower() == self.prefix.lower()
        return same(value[len(self.prefix) :].strip(), self.secret) and begins


class Signature:
    """An HMAC of the raw body and a time-stamp: Vapi's HMAC credential, with the names of its settings.

    A signature is good for ``tolerance`` seconds, and once. Where no time is signed it can come again; neither can an
    upgrade to WebSocket be told from its repetition, because it has no body.
    """

    signs = True

    def __init__(
        self,
        secret: str,
        *,
        algorithm: Literal["sha256", "sha512", "sha1"] = "sha256",
        header: str = "x-signature",
        timestamp_header: str = "x-timestamp",
        prefix: str = "",
        payload_format: str = "{timestamp}.{body}",
        message_id_header: str = "svix-id",
        encoding: Literal["hex", "base64"] = "hex",
        secret_is_base64: bool = False,
        tolerance: float = 300.0,
        most: int = 100_000,
    ) -> None:
        """``most`` signatures are remembered; more within the time are refused. Raises ConfigurationError."""
        credential(secret)
        self._secret = _decoded(secret) if secret_is_base64 else secret.encode()
        self._algorithm = algorithm
        self._header, self._timestamp_header, self._id_header = header, timestamp_header, message_id_header
        self._prefix, self._encoding = prefix, encoding
        self._parts = _parts(payload_format)
        self._dated = "timestamp" in self._parts[1::2]
        self._tolerance, self._most = tolerance, most
        self._seen: OrderedDict[bytes, float] = OrderedDict()

    @classmethod
    def undated(cls, secret: str, *, header: str = "x-vapi-signature") -> Signature:
        """Return the older form of Vapi's custom knowledge base: ``sha256=<hex HMAC of the body>``, no time-stamp."""
        return cls(secret, header=header, prefix="sha256=", payload_format="{body}")

    def judge(self, headers: Headers, body: bytes) -> list[str]:
        """Check every header of that name."""
        return [self._verdict(value, headers, body) for value in headers.getlist(self._header)]

    def _verdict(self, value: str, headers: Headers, body: bytes) -> str:
        stamp = headers.get(self._timestamp_header, "") if self._dated else ""
        identity = headers.get(self._id_header, "")
        right = self._digest({"timestamp": stamp.encode(), "body": body, "svix-id": identity.encode()})
        given = value.strip().removeprefix(self._prefix)
        if not same(given.lower() if self._encoding == "hex" else given, right):
            return "wrong signature"
        return self._staleness(stamp, right, body) if self._dated else ""

    def _digest(self, values: dict[str, bytes]) -> str:
        parts = [values[part] if number % 2 else part.encode() for number, part in enumerate(self._parts)]
        mac = hmac.new(self._secret, b"".join(parts), self._algorithm)
        return mac.hexdigest() if self._encoding == "hex" else base64.b64encode(mac.digest()).decode()

    def _staleness(self, stamp: str, signature: str, body: bytes) -> str:
        now = time.time()
        if not _NUMBER.fullmatch(stamp):
            return "time-stamp is no number"
        moment = float(stamp)
        if abs(now - (moment / 1000 if moment > _MILLISECONDS else moment)) > self._tolerance:
            return "signed at another time"
        return self._repetition(signature.encode(), now) if body else ""

    def _repetition(self, signature: bytes, now: float) -> str:
        while self._seen and next(iter(self._seen.values())) < now:
            self._seen.popitem(last=False)
        if signature in self._seen:
            return "signature came before"
        if len(self._seen) >= self._most:
            return "too many signatures to remember"
        self._seen[signature] = now + 2 * self._tolerance
        return ""


class Access:
    """All credentials of an application; without one, only ``insecure`` and only this machine may ask.

    Raises ConfigurationError where there is neither.
    """

    def __init__(self, *credentials: Credential, insecure: bool = False) -> None:
        if not credentials and not insecure:
            raise ConfigurationError(
                "Who may ask? A secret is needed", code="missing_key", hint="See docs/vapi.md, Authentication"
            )
        self.open = not credentials
        """Whether everybody on this machine may ask."""
        self._credentials: Sequence[Credential] = credentials
        self._signed = any(each.signs for each in credentials)

    def check_early(self, connection: HTTPConnection) -> None:
        """Refuse before the body is read where that needs no body. Raises ServiceError (401 or 403)."""
        if self.open and not is_local(connection):
            raise service_error("only for programs of this machine", code="forbidden")
        if not self._signed:
            self.check(connection, b"")

    def check(self, connection: HTTPConnection, body: bytes) -> None:
        """Refuse who may not ask. Raises AuthenticationError."""
        if self.open:
            return
        verdicts = [each for credential in self._credentials for each in credential.judge(connection.headers, body)]
        complaint = next(filter(None, verdicts), "" if verdicts else "no credential")
        if complaint:
            raise service_error(complaint, code="unauthorized")


def _decoded(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        pass
    raise ConfigurationError("The secret is not base64", code="invalid_option")


def _parts(payload_format: str) -> list[str]:
    """Return text and names of places in turns."""
    parts = _PLACE.split(payload_format)
    if not {"body"} <= set(parts[1::2]) <= {"body", "timestamp", "svix-id"}:
        raise ConfigurationError(
            "payload_format: expected {body}, with {timestamp} and {svix-id} where wanted", code="invalid_option"
        )
    return parts
