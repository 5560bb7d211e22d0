"""Errors as they go out: OpenAI's shape on the data plane, RFC 7807 problem+json on the control plane.

Source: protocol of PyAI, "Error envelopes". A message that begins with ``name: `` names the parameter that is wrong.
"""

from __future__ import annotations

import math
import re
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route
from starlette.types import ExceptionHandler
from starlette.websockets import WebSocket

from ..errors import Category, ServiceError, rule_for, service_error
from .settings import Settings

__all__ = ["close_code", "error_response", "handlers", "is_control_plane", "status_of", "unknown_route"]

_CONTROL_PLANE = re.compile(
    r"/v1/(me|sandbox|agents|tools|telephony|trace|recap|webhooks|knowledgebases|transcription"
    r"|omni/(sessions|calls)|amd/(config|calls))(/|$)"
)
_TYPES = {
    Category.AUTHENTICATION: "authentication_error",
    Category.PERMISSION: "permission_error",
    Category.BILLING: "insufficient_quota",
    Category.RATE_LIMIT: "rate_limit_error",
    Category.SERVER: "server_error",
}
_CLOSE_CODES = {
    "policy": {401: 1008, 403: 1008, 429: 4429},
    "private": {401: 4401, 403: 4403, 429: 4429},
}
_PARAMETER = re.compile(r"([a-z_]+): ")
_STATUS_CODES = {404: "unknown_route", 405: "method_not_allowed"}


def unknown_route(path: str) -> ServiceError:
    """Return the error for a path that this server does not serve."""
    return service_error(f"The local server has no {path[:100]}", code="unknown_route")


def error_response(error: ServiceError, connection: HTTPConnection) -> Response:
    """Return an error in the envelope that belongs to the path."""
    status = status_of(error)
    request_id = connection.scope.get("pyai.request_id", "")
    headers = {} if error.retry_after is None else {"Retry-After": str(math.ceil(error.retry_after))}
    if status == HTTPStatus.REQUEST_TIMEOUT:
        headers["Connection"] = "close"
    if is_control_plane(connection.scope["path"]):
        return JSONResponse(_problem(error, status, request_id), status, headers, "application/problem+json")
    return JSONResponse({"error": _openai(error)}, status, headers)


def is_control_plane(path: str) -> bool:
    """Tell whether errors of a path are problem+json; others have OpenAI's shape."""
    return _CONTROL_PLANE.match(path) is not None


def close_code(error: ServiceError, refuse: str) -> int:
    """Return the close code for a stream that is refused after its upgrade."""
    return _CLOSE_CODES[refuse].get(status_of(error), 1011 if status_of(error) >= 500 else 1008)


def status_of(error: ServiceError) -> int:
    """Return the HTTP status that an error goes out with."""
    rule = rule_for(error.code, error.status)
    return error.status or (rule.status if rule else 500)


def _openai(error: ServiceError) -> dict[str, str | None]:
    named = _PARAMETER.match(error.message)
    return {
        "message": error.message,
        "type": _TYPES.get(error.category, "invalid_request_error"),
        "code": error.code,
        "param": named[1] if named else None,
    }


def _problem(error: ServiceError, status: int, request_id: str) -> dict[str, str | int]:
    return {
        "type": f"https://api.pyai.com/problems/{error.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": error.message,
        "request_id": request_id,
    }


async def _refuse(connection: HTTPConnection, error: Exception) -> Any:  # a response, or None after a WebSocket
    if not isinstance(error, ServiceError):
        raise TypeError("only for ServiceError") from error
    if not isinstance(connection, WebSocket):
        return error_response(error, connection)
    settings: Settings = connection.app.state.settings
    if settings.refuse == "http":
        await connection.send_denial_response(error_response(error, connection))
    else:
        await connection.accept()
        await connection.close(close_code(error, settings.refuse), error.code)
    return None


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else ""
    code = _STATUS_CODES.get(status, "invalid_request")
    found = unknown_route(request.scope["path"]) if status == 404 else service_error(detail, code=code, status=status)
    response = error_response(found, request)
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = ", ".join(sorted(_allowed(request)))
    return response


def _allowed(request: Request) -> set[str]:
    """Return the methods of all routes for this path; Starlette knows those of the first one."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    found = [route.methods or set() for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return set[str]().union(*found)


async def _gone(request: Request, error: Exception) -> Response:  # nobody reads it, and it is no failure to log
    return Response(status_code=400)


async def _failure(request: Request, error: Exception) -> Response:  # uvicorn logs it
    return error_response(service_error("The local server failed; see its log", code="internal_error"), request)


handlers: dict[type[Exception] | int, ExceptionHandler] = {
    ServiceError: _refuse,
    HTTPException: _http_error,
    ClientDisconnect: _gone,
    Exception: _failure,
}
"""For Starlette's ``exception_handlers``."""
