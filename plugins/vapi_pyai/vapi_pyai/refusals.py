"""What Vapi is told of a failure behind us: a status that it understands, ``Retry-After`` where it helps.

A failure of PyAI or of a model is never passed on as it is: a 401 from there would look as if Vapi's own credential
were wrong.
"""

from __future__ import annotations

from pyai_voice.errors import (
    BillingError,
    ConfigurationError,
    PyAIError,
    RateLimitError,
    RequestError,
    ServiceError,
    StalledError,
    service_error,
)
from pyai_voice.server.door import upstream_error

__all__ = ["LATER", "SOON", "from_upstream"]

SOON, LATER = 1.0, 60.0
"""Seconds for ``Retry-After`` where the service did not say: a passing fault; a bill that somebody has to pay."""


def from_upstream(error: PyAIError) -> ServiceError:
    """Return what Vapi is told of a failure of PyAI."""
    if isinstance(error, RequestError) or (isinstance(error, ConfigurationError) and error.code == "empty_text"):
        status = error.status if error.status in (404, 413) else 400
        return service_error(f"PyAI: {error.message}", code=error.code, status=status)
    if isinstance(error, BillingError):
        return upstream_error(error, "PyAI", 503, error.retry_after or LATER)
    if isinstance(error, RateLimitError):
        return upstream_error(error, "PyAI", 503, error.retry_after or (SOON if error.retryable else LATER))
    if isinstance(error, StalledError):
        return upstream_error(error, "PyAI", 504, SOON)
    return upstream_error(error, "PyAI", 502, error.retry_after or (SOON if error.retryable else None))
