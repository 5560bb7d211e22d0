"""What the page ``/playground`` is made of, and the session token that it opens a call with.

On loopback the page needs no key: the server gives it a token, when the server, the browser and the page's own address
are all this machine's. Elsewhere the page asks for a key, and makes itself a token with it. Source: protocol of PyAI,
"Ephemeral browser tokens".
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..._version import __version__
from ...errors import service_error
from ..local import is_local
from ..refusals import unknown_route
from ..state import State

__all__ = ["routes"]

_FILES = files(__name__.rpartition(".")[0]).joinpath("static")
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_PAGE = "index.html"
_TTL = 60.0
"""Seconds that a token waits for its call."""
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self' http://localhost:* http://127.0.0.1:*",  # a Pipecat bot on this machine
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


async def _page(request: Request) -> Response:
    return _file(_PAGE)


async def _part(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _names():
        raise unknown_route(request.scope["path"])
    return _file(name)


@cache
def _names() -> frozenset[str]:
    """Return the files that there are; no other name is ever looked for."""
    return frozenset(each.name for each in _FILES.iterdir())


def _file(name: str) -> Response:
    content = _FILES.joinpath(name).read_bytes()
    return Response(content, headers=_HEADERS, media_type=f"{_TYPES[name.rpartition('.')[2]]}; charset=utf-8")


async def _about(request: Request) -> JSONResponse:
    """Tell the page what it can offer, and whether it has to ask for a key."""
    state = request.app.state
    about = {
        "version": __version__,
        "needs_key": not _is_own(request),
        "brain": state.brain.name,
        "voices": [{"voice_id": each.voice_id, "name": each.name} for each in state.engines.synthesizer.voices],
    }
    return JSONResponse(about, headers=_HEADERS)


async def _session(request: Request) -> JSONResponse:
    """Give this server's own page a token for one call; it never sees the key."""
    origin = request.headers.get("origin", "")
    if not _is_own(request) or origin != f"{request.url.scheme}://{request.headers['host']}":
        raise service_error("Only the server's own page, on its own machine, gets a token", code="origin_not_allowed")
    stores: State = request.app.state.stores
    owner = stores.keys.owner
    token, made = await stores.tokens.mint(owner.organisation, owner.key_id, [origin], _TTL)
    return JSONResponse({"token": token, "expires_at": made.expires_at}, 201, headers=_HEADERS)


def _is_own(request: Request) -> bool:
    return request.app.state.on_loopback and is_local(request)


routes = [
    Route("/playground", _page),
    Route("/playground/about", _about),
    Route("/playground/session", _session, methods=["POST"]),
    Route("/playground/{name}", _part),
]
