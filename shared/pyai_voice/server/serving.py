"""Runs the application under uvicorn: in the running event loop, or as a program that signals end."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractContextManager, aclosing, asynccontextmanager, nullcontext
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware

from ..errors import ConfigurationError
from ..outbound import Outbound
from ..redact import SecretFilter
from .app import create_app
from .brain import Brain
from .hear import HearSession
from .knowledge.facade import Knowledge
from .local import is_loopback
from .omni.native import OmniSession
from .omni.openai import RealtimeSession
from .settings import Settings
from .state import State
from .transcribing import Transcribing

if TYPE_CHECKING:
    from .engines.load import Engines

__all__ = ["Running", "bind", "on_signal", "running", "serving", "settle"]

_DRAIN = 2.0
"""Seconds that open streams have for their last words."""
_GRACE = 1
"""Seconds that answers in flight have after that; then they are cut."""
_KEEP_ALIVE = 75
"""Seconds that an idle connection stays open; longer than clients keep theirs, so that they close first."""
_LOGGERS = ("uvicorn.error", "pyai_voice.server")
_NO_NEWS = ("without completing handshake", "returned without completing response")


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handlers, and with last words for open streams."""

    def __init__(self, config: uvicorn.Config, app: Starlette) -> None:
        super().__init__(config)
        self._app = app
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.up.set()

    def capture_signals(self) -> AbstractContextManager[None]:  # pyright: ignore[reportIncompatibleMethodOverride] - a generator there
        """Leave signals to the program."""
        return nullcontext()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let open streams say their last words, cut off those that do not read them, then close everything."""
        state = self._app.state
        sessions: set[HearSession | OmniSession | RealtimeSession] = getattr(state, "sessions", set())
        drains = [asyncio.create_task(session.drain()) for session in sessions]
        if drains:
            await asyncio.wait(drains, timeout=_DRAIN)
        for session in sessions:
            state.abort(session.client)
        await super().shutdown(sockets)


class Running:
    """A server that is up."""

    def __init__(self, app: Starlette, server: uvicorn.Server, base_url: str) -> None:
        self.app = app
        self.base_url = base_url
        """Origin, such as ``http://127.0.0.1:8123``."""
        self.api_key: str = app.state.stores.keys.owner.secret
        """A key that may do everything here."""
        self._server = server

    def abort(self, client: tuple[str, int]) -> bool:
        """Reset the TCP connection of the client with this address; tell whether there was one."""
        transport = self.transport(client)
        if transport is not None:
            transport.abort()
        return transport is not None

    def transport(self, client: tuple[str, int]) -> asyncio.Transport | None:
        """Return the TCP connection of the client with this address, if it is there."""
        found = (each for each in self._server.server_state.connections if getattr(each, "client", None) == client)
        return next((each.transport for each in found), None)


def bind(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """Return a listening socket; port 0 takes a free one.

    Raises ConfigurationError that says what to do when the port is taken or the host is not this machine's.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.create_server((str(address[0]), int(address[1])), family=family, backlog=512)
        # Connections inherit it. asyncio sets it for sockets that say they are TCP, and these do not: without it the
        # body of a short answer waits 40 ms for the client to acknowledge the headers.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except OSError as error:
        reason = error.strerror or str(error)
    raise ConfigurationError(
        f"Cannot listen on {host} port {port}: {reason}",
        code="cannot_listen",
        hint="Choose another with --port (0 takes a free one), or end the program that has it",
    )


@asynccontextmanager
async def running(
    engines: Engines,
    settings: Settings | None = None,
    *,
    listening: socket.socket | None = None,
    middleware: Sequence[Middleware] = (),
    brain: Brain | None = None,
) -> AsyncGenerator[Running]:
    """Serve in the running event loop until the block ends; open streams get their last words (at most 4 s).

    ``listening`` comes from :func:`bind`; without it a free port of this machine's loopback is taken. ``brain`` thinks
    for Omni and stays the caller's to close; without it the offline one does. Raises what
    :meth:`.knowledge.facade.Knowledge.open` and :meth:`.state.State.open` raise when a store cannot be opened.
    """
    settings = settings or Settings()
    async with (
        aclosing(await Knowledge.open(settings.knowledge or settings.data)) as knowledge,
        aclosing(await State.open(settings.data)) as stores,
        aclosing(Outbound(loopback=settings.outbound_loopback)) as outbound,
    ):
        app = create_app(engines, knowledge, stores, outbound, settings, middleware)
        app.state.brain = brain or app.state.brain
        jobs = Transcribing(stores.jobs, engines, outbound, app.state.callbacks, settings)
        listening = listening or bind()
        app.state.on_loopback = is_loopback(str(listening.getsockname()[0]))
        async with aclosing(jobs), serving(app, settings, listening) as (server, base_url):
            app.state.transcribing = jobs
            running_server = Running(app, server, base_url)
            app.state.abort = running_server.abort
            yield running_server


@asynccontextmanager
async def serving(
    app: Starlette, settings: Settings, listening: socket.socket
) -> AsyncGenerator[tuple[uvicorn.Server, str]]:
    """Serve any application in the running event loop until the block ends; yields the server and its origin."""
    server = _Server(_config(app, settings), app)
    task = asyncio.create_task(server.serve([listening]))
    task.add_done_callback(lambda _: server.up.set())
    address = listening.getsockname()
    try:
        await server.up.wait()
        if task.done():
            await task  # raises why it could not start
        yield server, _url(str(address[0]), int(address[1]))
    finally:
        server.should_exit = True
        await task


def settle() -> None:
    """Take what is loaded by now out of the search for garbage, which else stops every call for some 50 ms at times.

    For programs that serve until they end: what is garbage later among this stays in memory.
    """
    gc.collect()
    gc.freeze()


def on_signal() -> asyncio.Event:
    """Return an event that Ctrl-C or SIGTERM sets; a second one ends the process at once."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()

    def tell(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        loop.call_soon_threadsafe(told.set)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, tell)
    return told


def _is_news(record: logging.LogRecord) -> bool:
    """Tell uvicorn's complaints from what is none.

    A refused upgrade is answered, yet it logs that nothing was sent; an answer that breaks off is cut on purpose, and
    the application has logged why.
    """
    return not any(known in record.getMessage() for known in _NO_NEWS)


def _config(app: Starlette, settings: Settings) -> uvicorn.Config:
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(each, SecretFilter) for each in logger.filters):
            logger.addFilter(SecretFilter())
        logger.addFilter(_is_news)  # a filter that is there already is not added again
    return uvicorn.Config(
        app,
        http="h11",
        ws="websockets-sansio",
        ws_max_size=settings.max_message,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        log_level="warning",  # below that, uvicorn logs addresses with their query, and the query may hold a key
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_GRACE,
    )


def _url(host: str, port: int) -> str:
    """Return the origin; every address of this machine is reached by its loopback."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
