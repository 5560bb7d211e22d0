"""How a contract says no: a status that Vapi understands, a sentence without a secret, ``Retry-After`` where it helps.

A failure of PyAI or of a model behind us is never passed on as it is: a 401 from there would look as if Vapi's own
credential were wrong.
"""

from __future__ import annotations

import math
from typing import Any

from starlette.responses import JSONResponse

from pyai_voice.errors import (
    BillingError,
    ConfigurationError,
    PyAIError,
    RateLimitError,
    RequestError,
    ServiceError,
    StalledError,
    rule_for,
)
from pyai_voice.redact import clean

__all__ = ["Refusal", "from_core", "from_upstream"]

_SOON, _LATER = 1.0, 60.0
"""Seconds for ``Retry-After`` where the service did not say: a passing fault; a bill that somebody has to pay."""


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: str, retry_after: float | None = None) -> None:
        self.status = status
        self.message = clean(message)[:500]
        self.retry_after = retry_after
        super().__init__(self.message)

    def response(self) -> JSONResponse:
        """Return the answer over HTTP."""
        headers = {} if self.retry_after is None else {"Retry-After": str(math.ceil(self.retry_after))}
        if self.status == 408:
            headers["Connection"] = "close"
        return JSONResponse(self.body(), self.status, headers)

    def body(self) -> dict[str, Any]:
        """Return the answer's JSON."""
        return {"error": self.message}


def from_core(error: ServiceError) -> Refusal:
    """Return the refusal for a limit of this application: too large, too slow, too many."""
    rule = rule_for(error.code, error.status)
    return Refusal(error.status or (rule.status if rule else 400), error.message, error.retry_after)


def from_upstream(error: PyAIError) -> Refusal:
    """Return what Vapi is told of a failure of PyAI."""
    said = f"PyAI: {error.code or error.category}"
    if isinstance(error, RequestError) or (isinstance(error, ConfigurationError) and error.code == "empty_text"):
        return Refusal(error.status if error.status in (404, 413) else 400, f"PyAI: {error.message}")
    if isinstance(error, BillingError):
        return Refusal(503, said, error.retry_after or _LATER)
    if isinstance(error, RateLimitError):
        return Refusal(503, said, error.retry_after or (_SOON if error.retryable else _LATER))
    if isinstance(error, StalledError):
        return Refusal(504, said, _SOON)
    return Refusal(502, said, error.retry_after or (_SOON if error.retryable else None))
