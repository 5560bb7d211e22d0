"""Who is asking: the five places a request can carry a key, and whether it has the scope.

Source: protocol of PyAI, "Authentication" and "Scopes". Keys are never logged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection

from ..errors import service_error
from ..protocol.hear.wire import KEY_SUBPROTOCOL

if TYPE_CHECKING:
    from .state import State
    from .state.keys import Key

__all__ = ["REALTIME_PATH", "authorize", "credentials", "spend"]

REALTIME_PATH = "/v1/realtime"
_OPENAI_SUBPROTOCOL = "openai-insecure-api-key."
"""Prefix of the subprotocol that carries the key, as OpenAI has it."""


def credentials(connection: HTTPConnection) -> set[str]:
    """Return every key that a request carries: bearer, ``x-api-key``, subprotocol, ``?api_key=``.

    On ``/v1/realtime`` also the subprotocol that OpenAI's clients in a browser offer, and ``?access_token=``.
    """
    found = set(connection.headers.getlist("x-api-key")) | set(connection.query_params.getlist("api_key"))
    prefixes = [KEY_SUBPROTOCOL]
    if connection.scope["path"] == REALTIME_PATH:
        found.update(connection.query_params.getlist("access_token"))
        prefixes.append(_OPENAI_SUBPROTOCOL)
    for header in connection.headers.getlist("authorization"):
        scheme, _, value = header.partition(" ")
        if scheme.lower() == "bearer":
            found.add(value.strip())
    for header in connection.headers.getlist("sec-websocket-protocol"):
        offered = [each.strip() for each in header.split(",")]
        found.update(each.removeprefix(prefix) for prefix in prefixes for each in offered if each.startswith(prefix))
    return found - {""}


def authorize(connection: HTTPConnection, scope: str | None = None) -> Key:
    """Return the key of a request, which must have the scope (None: any key will do).

    Raises AuthenticationError or PermissionDeniedError.
    """
    found = credentials(connection)
    if not found:
        raise service_error("No API key; send one in the Authorization header, as a bearer token", code="unauthorized")
    if len(found) > 1:
        raise service_error("The request carries different API keys; send one", code="unauthorized")
    stores: State = connection.app.state.stores
    key = stores.keys.find(found.pop())
    if key is None:
        raise service_error(
            "Unknown or expired API key; use the one that the server printed, or POST /v1/sandbox/keys",
            code="unauthorized",
        )
    if scope is not None and not key.allows(scope):
        raise service_error(f"The key lacks the scope {scope}", code="insufficient_scope")
    return key


async def spend(connection: HTTPConnection, key: Key) -> None:
    """Count one unit of a key's day. Raises RateLimitError ``daily_cap_exceeded`` when its cap is used up."""
    if key.daily_cap is not None:
        stores: State = connection.app.state.stores
        await stores.usage.spend(key.organisation, key.key_id, key.daily_cap)
