"""The application: routes and shared state. Engines and settings are given, so tests can give their own.

Faults and other behaviour are put around it as plain ASGI middleware (``middleware``), outermost first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from ..errors import service_error
from .amd.stream import amd_stream
from .brain.offline import OfflineBrain
from .callbacks import Callbacks
from .hear import HearSession, hear_stream
from .identity import sandbox_keys
from .knowledge import routes as knowledge_routes
from .limits import Patience, RequestId, Slots
from .omni.door import omni_call
from .omni.native import OmniSession
from .omni.openai import RealtimeSession
from .omni.openai_door import realtime
from .openapi import openapi
from .operations import routes
from .playground import routes as playground_routes
from .refusals import error_response, handlers, unknown_route
from .resources import OPERATIONS
from .settings import Settings
from .speech import speech
from .transcriptions import transcriptions, translations

if TYPE_CHECKING:
    from ..outbound import Outbound
    from .engines.load import Engines
    from .knowledge.facade import Knowledge
    from .state import State

__all__ = ["create_app"]


def create_app(
    engines: Engines,
    knowledge: Knowledge,
    stores: State,
    outbound: Outbound,
    settings: Settings | None = None,
    middleware: Sequence[Middleware] = (),
) -> Starlette:
    """Build the application; engines, knowledge, stores and outbound stay the caller's to close.

    Its ``state`` has ``settings``, ``engines``, ``knowledge``, ``stores``, ``outbound``, ``callbacks``,
    ``streams``, ``unknown_callers`` and ``requests`` (Slots), ``sessions``, the open streams, ``brain``,
    which thinks for Omni, ``previews``, the samples of voices that were asked for, ``on_loopback``, whether only this
    machine can reach it, and ``abort``, which resets the connection of a client's address; ``transcribing``, the worker
    of the jobs, is put there when the server runs.
    """
    settings = settings or Settings()
    app = Starlette(
        routes=_routes(),
        middleware=[Middleware(Patience), Middleware(RequestId), *middleware],
        exception_handlers=handlers,
    )
    app.router.redirect_slashes = False  # there is one address for each thing
    app.state.settings = settings
    app.state.engines = engines
    app.state.knowledge = knowledge
    app.state.stores = stores
    app.state.outbound = outbound
    app.state.callbacks = Callbacks(outbound, stores.signing)
    app.state.streams = Slots(settings.max_streams, "streams")
    app.state.unknown_callers = Slots(settings.max_streams, "streams without a key")
    app.state.requests = Slots(settings.max_requests, "requests")
    app.state.previews = dict[str, bytes]()
    app.state.sessions = set[HearSession | OmniSession | RealtimeSession]()
    app.state.brain = OfflineBrain()
    app.state.on_loopback = False  # whoever serves it knows better
    app.state.abort = _no_abort
    return app


def _no_abort(client: tuple[str, int]) -> bool:
    return False


def _routes() -> list[BaseRoute]:
    return [
        WebSocketRoute("/v1/audio/transcriptions/stream", hear_stream),
        Route("/v1/audio/transcriptions/stream", _upgrade_required),
        Route("/v1/audio/transcriptions", transcriptions, methods=["POST"]),
        Route("/v1/audio/translations", translations, methods=["POST"]),
        Route("/v1/audio/speech", speech, methods=["POST"]),
        Route("/v1/sandbox/keys", sandbox_keys, methods=["POST"]),
        *knowledge_routes.routes,
        *routes(OPERATIONS),
        *playground_routes.routes,
        Route("/openapi.json", openapi),
        WebSocketRoute("/v1/amd/stream", amd_stream),
        Route("/v1/amd/stream", _upgrade_required),
        WebSocketRoute("/v1/omni", omni_call),
        WebSocketRoute("/v2/omni/chat", omni_call),
        WebSocketRoute("/v1/realtime", realtime),
        Route("/v1/omni", _upgrade_required),
        Route("/v2/omni/chat", _upgrade_required),
        Route("/v1/realtime", _upgrade_required),
        WebSocketRoute("/{path:path}", _no_such_stream),
    ]


async def _upgrade_required(request: Request) -> Response:
    refusal = service_error("This is a WebSocket endpoint", code="upgrade_required", status=426)
    response = error_response(refusal, request)
    response.headers["Upgrade"] = "websocket"
    return response


async def _no_such_stream(websocket: WebSocket) -> None:
    raise unknown_route(websocket.scope["path"])
