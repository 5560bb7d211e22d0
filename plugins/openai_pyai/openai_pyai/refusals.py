"""How the front says no: OpenAI's envelope, a status that its clients understand, ``Retry-After`` where it helps.

OpenAI's clients repeat 408, 409, 429 and 5xx by themselves, unless ``x-should-retry`` says that it does not help. What
the service says of the front's own key is never passed on as it is: a 401 would look as if the client's were wrong.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from pyai_voice.errors import (
    AuthenticationError,
    ConfigurationError,
    PermissionDeniedError,
    PyAIError,
    ServerError,
    ServiceError,
    StalledError,
    service_error,
)
from pyai_voice.server.door import upstream_error
from pyai_voice.server.refusals import error_response

__all__ = ["from_upstream", "handlers", "refusal"]

_THE_CLIENTS = frozenset(
    {
        "empty_text",
        "invalid_audio",
        "invalid_option",
        "unsupported_feature",
        "unsupported_format",
        "unsupported_parameter",
    }
)
"""Codes of a ConfigurationError that the request is to blame for, not the front."""


def from_upstream(error: PyAIError, provider: str, *, passes: bool) -> ServiceError:
    """Return what the client is told of a failure; ``passes``: the key was the client's own."""
    if isinstance(error, ConfigurationError) and error.code in _THE_CLIENTS:
        return service_error(error.message, code=error.code, status=400)
    if isinstance(error, AuthenticationError | PermissionDeniedError) and not passes:
        return upstream_error(error, provider, 502)
    if isinstance(error, StalledError):
        return upstream_error(error, provider, 504)
    if isinstance(error, ServerError):
        return upstream_error(error, provider, 503 if error.status == 503 else 502, error.retry_after)
    return error if isinstance(error, ServiceError) else upstream_error(error, provider, 502, error.retry_after)


def refusal(error: ServiceError, request: Request) -> Response:
    """Return the answer."""
    response = error_response(error, request)
    if not error.retryable:
        response.headers["x-should-retry"] = "false"
    return response


async def _not_there(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    code, said = ("unknown_route", "There is no") if status == 404 else ("method_not_allowed", "Another method is for")
    response = refusal(service_error(f"{said} {request.url.path[:100]}", code=code, status=status), request)
    response.headers.update(getattr(error, "headers", None) or {})
    return response


async def _broken(request: Request, error: Exception) -> Response:  # the server logs it
    return refusal(service_error("The front failed; see its log", code="internal_error"), request)


handlers: dict[type[Exception] | int, ExceptionHandler] = {HTTPException: _not_there, Exception: _broken}
"""For Starlette's ``exception_handlers``."""
