"""Every error this package raises, and the one table that says what each code means.

* PyAIError
    * ConfigurationError (also ValueError)  an option is wrong; nothing was sent
        * AudioError                        audio that cannot be read or sent
        * UnsupportedError                  the chosen provider does not have this
    * ConnectivityError                     the network failed
        * StalledError (also TimeoutError)  connected, but nothing came in time
    * ProtocolError                         the server is not a PyAI server, or broke its protocol
    * WebhookError                          a call to your address that PyAI did not sign, or signed long ago
    * ServiceError                          the server refused, with a code
        * AuthenticationError               401, close 1008 and 4401
        * PermissionDeniedError             403, close 4403
        * BillingError                      402
        * RequestError                      400, 404, 409, 413, 422 ...
            * NotDeployed                   404, there is no such endpoint
        * RateLimitError                    429, close 4429
        * ServerError                       5xx, close 1011

Each error says ``category``, ``code``, ``status``, ``retryable``, ``retry_after``, ``request_id`` and
``hint``; none ever holds a key. Codes: protocol of PyAI, error table (HTTP and WebSocket close codes).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .redact import clean

__all__ = [
    "CODES",
    "AudioError",
    "AuthenticationError",
    "BillingError",
    "Category",
    "ConfigurationError",
    "ConnectivityError",
    "NotDeployed",
    "PermissionDeniedError",
    "ProtocolError",
    "PyAIError",
    "RateLimitError",
    "RequestError",
    "Rule",
    "ServerError",
    "ServiceError",
    "StalledError",
    "UnsupportedError",
    "WebhookError",
    "close_error",
    "rule_for",
    "service_error",
    "untrusted_error",
]


class Category(StrEnum):
    """What kind of trouble it is; hosts translate this word into their own."""

    CONFIGURATION = "configuration"
    AUTHENTICATION = "authentication"
    PERMISSION = "permission"
    BILLING = "billing"
    REQUEST = "request"
    RATE_LIMIT = "rate_limit"
    CONNECTIVITY = "connectivity"
    PROTOCOL = "protocol"
    SERVER = "server"


class PyAIError(Exception):
    """Base of every error of this package."""

    category = Category.SERVER
    """What kind of trouble it is."""
    retryable = False
    """Whether the same call may succeed later without a change by the user."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        status: int | None = None,
        hint: str = "",
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.message = clean(message)
        self.code = clean(code)
        self.status = status
        self.hint = hint
        self.request_id = clean(request_id) if request_id else None
        self.retry_after = retry_after
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        tags = [str(self.status or ""), self.code, f"request {self.request_id}" if self.request_id else ""]
        tag = ", ".join(part for part in tags if part)
        sentence = f"{self.message} ({tag})" if tag else self.message
        return f"{sentence}. {self.hint}" if self.hint else sentence


class ConfigurationError(PyAIError, ValueError):
    """An option is wrong; nothing was sent. The message names the option and the remedy."""

    category = Category.CONFIGURATION


class AudioError(ConfigurationError):
    """Audio that cannot be read or sent: not a WAV, truncated, stereo, an odd number of bytes ..."""


class UnsupportedError(ConfigurationError):
    """The chosen provider does not offer this."""


class ConnectivityError(PyAIError):
    """The network failed: no route, refused, reset, closed without a reason."""

    category = Category.CONNECTIVITY
    retryable = True


class StalledError(ConnectivityError, TimeoutError):
    """The connection is there, but nothing came within the time allowed."""


class ProtocolError(PyAIError):
    """The answer is not what PyAI's protocol allows: a different server, or a broken one."""

    category = Category.PROTOCOL


class WebhookError(PyAIError):
    """A webhook that must not be believed: not signed, wrongly, too long ago, or seen before. Answer it with 400."""

    category = Category.AUTHENTICATION


class ServiceError(PyAIError):
    """The server refused. ``code`` is its stable word for the reason (empty where it gave none)."""


class AuthenticationError(ServiceError):
    """The key is missing, wrong or revoked. Never retried."""

    category = Category.AUTHENTICATION


class PermissionDeniedError(ServiceError):
    """The key is good but may not do this (scope, origin, suspended organisation). Never retried."""

    category = Category.PERMISSION


class BillingError(ServiceError):
    """No credit, or a budget is used up. Never retried."""

    category = Category.BILLING


class RequestError(ServiceError):
    """The request itself is wrong, or asks for what does not exist. Never retried."""

    category = Category.REQUEST


class NotDeployed(RequestError):
    """The service does not offer this endpoint: not at all, not yet, or not to this account (HTTP 404)."""


class RateLimitError(ServiceError):
    """Too many requests or streams; ``retry_after`` is in seconds where the server said so."""

    category = Category.RATE_LIMIT
    retryable = True


class ServerError(ServiceError):
    """The service failed on its side."""

    category = Category.SERVER
    retryable = True


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the error table."""

    error: type[ServiceError]
    """Which class is raised; it holds the category and whether to retry."""
    status: int
    """The HTTP status that goes with the code."""
    hint: str = ""
    """What the user can do about it: one sentence."""
    retryable: bool = True
    """False where the class may be retried, but this code may not (a daily cap)."""


_CHECK_KEY = "Check the key (PYAI_API_KEY or api_key=) and that it belongs to this service"
_ADD_CREDIT = "Add credit or raise the budget in the PyAI dashboard"
_ASK_SCOPE = "Give the key the scope it lacks, or use another key"
_WAIT = "Wait and try again; fewer streams at once, or a higher limit, avoid it"
_SEE_OPTION = "Change the option that the message names"

CODES: dict[str, Rule] = {
    "unauthorized": Rule(AuthenticationError, 401, _CHECK_KEY),
    "forbidden": Rule(PermissionDeniedError, 403, _ASK_SCOPE),
    "insufficient_scope": Rule(PermissionDeniedError, 403, _ASK_SCOPE),
    "origin_not_allowed": Rule(PermissionDeniedError, 403, "Add this origin to the token's allowed_origins"),
    "org_suspended": Rule(PermissionDeniedError, 403, "Ask PyAI support about the organisation"),
    "credit_exhausted": Rule(BillingError, 402, _ADD_CREDIT),
    "key_budget_exceeded": Rule(BillingError, 402, _ADD_CREDIT),
    "insufficient_quota": Rule(BillingError, 402, _ADD_CREDIT),
    "invalid_request": Rule(RequestError, 400, _SEE_OPTION),
    "invalid_agent_id": Rule(RequestError, 400, "Use at most 256 printable characters as session label"),
    "invalid_session_label": Rule(RequestError, 400, "Use at most 256 printable characters as session label"),
    "unsupported_format": Rule(RequestError, 400, _SEE_OPTION),
    "unsupported_parameter": Rule(RequestError, 400, _SEE_OPTION),
    "unsupported_language": Rule(RequestError, 400, "Leave language out, or use one that this service knows"),
    "unknown_model": Rule(RequestError, 400, "List the models with GET /v1/models"),
    "unknown_voice": Rule(RequestError, 400, "List the voices with GET /v1/voices"),
    "invalid_audio": Rule(RequestError, 400, "Send a whole, readable audio file"),
    "not_found": Rule(RequestError, 404, "Check the address and the id"),
    "unknown_route": Rule(NotDeployed, 404, "Check base_url; the service may not offer this endpoint"),
    "idempotency_conflict": Rule(RequestError, 409, "Use a new Idempotency-Key for a different request"),
    "payload_too_large": Rule(RequestError, 413, "Send less in one request"),
    "message_too_large": Rule(RequestError, 413, "Send audio in small messages, 20 to 100 ms each"),
    "unknown_message_type": Rule(RequestError, 400),
    "rate_limit_exceeded": Rule(RateLimitError, 429, _WAIT),
    "concurrency_limit_exceeded": Rule(RateLimitError, 429, _WAIT),
    "daily_cap_exceeded": Rule(RateLimitError, 429, "The daily cap resets at 00:00 UTC", retryable=False),
    "sandbox_limit_reached": Rule(RateLimitError, 429, _WAIT, retryable=False),
    "upstream_error": Rule(ServerError, 503),
    "internal_error": Rule(ServerError, 500),
    "engine_unavailable": Rule(ServerError, 503),
}
"""Every code that PyAI documents or was seen to send, and what it means."""

_OTHER_SERVER = "Check base_url: a PyAI server would take this"
_BY_STATUS: dict[int, Rule] = {
    401: CODES["unauthorized"],
    402: CODES["credit_exhausted"],
    403: CODES["forbidden"],
    404: Rule(RequestError, 404, "Check base_url and the id; the service may not offer this endpoint"),
    405: Rule(RequestError, 405, _OTHER_SERVER),
    408: Rule(ServerError, 408),
    409: CODES["idempotency_conflict"],
    413: CODES["payload_too_large"],
    425: Rule(ServerError, 425),
    429: CODES["rate_limit_exceeded"],
    501: Rule(RequestError, 501, _OTHER_SERVER),
}

_BY_CLOSE: dict[int, Rule] = {
    1008: CODES["unauthorized"],
    1009: CODES["message_too_large"],
    1011: CODES["internal_error"],
    4401: CODES["unauthorized"],
    4403: CODES["forbidden"],
    4429: CODES["concurrency_limit_exceeded"],
}


def rule_for(code: str, status: int | None) -> Rule | None:
    """Return the row for a code, or for a bare status where the code is unknown."""
    if code in CODES:
        return CODES[code]
    if status is None or status < 400:
        return None
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return Rule(ServerError, status) if status >= 500 else Rule(RequestError, status, _SEE_OPTION)


def service_error(
    message: str,
    *,
    code: str = "",
    status: int | None = None,
    request_id: str | None = None,
    retry_after: float | None = None,
) -> ServiceError:
    """Build the right :class:`ServiceError` for what a server said.

    An unknown code without a status gives a plain ServiceError that is not retryable.
    """
    rule = rule_for(code, status)
    kind = rule.error if rule else ServiceError
    error = kind(
        message,
        code=code,
        status=status,
        hint=rule.hint if rule else "",
        request_id=request_id,
        retry_after=retry_after,
    )
    if rule is not None and not rule.retryable:
        error.retryable = False
    return error


def close_error(close_code: int | None, reason: str = "") -> PyAIError:
    """Build the error for a WebSocket that the server closed (``None``: without a close frame)."""
    rule = _BY_CLOSE.get(close_code or 0)
    said = f": {reason}" if reason else ""
    if rule is None:
        return ConnectivityError(f"The server closed the connection{said}", code=str(close_code or ""))
    return rule.error(
        f"The server closed the connection with code {close_code}{said}", status=rule.status, hint=rule.hint
    )


def untrusted_error(where: str) -> ConnectivityError:
    """Build the error for a server whose TLS certificate cannot be verified; trying again does not help."""
    error = ConnectivityError(f"The certificate of {where} is not trusted", code="bad_certificate", hint=_TRUST)
    error.retryable = False
    return error


_TRUST = "Check base_url; for a private certificate authority set SSL_CERT_FILE"
