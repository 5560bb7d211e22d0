"""The application: what a telephone number of Twilio needs.

POST /voice     the number's webhook ("A call comes in"): TwiML that streams the call to /media
WS   /media     the call's media stream, in both directions: an agent of Omni
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

from pyai_voice.client import Client
from pyai_voice.omni_tools import ToolHandler
from pyai_voice.server.limits import Slots

from .access import Access
from .control import CallControl
from .options import TwilioOptions
from .streams import Agent, Means, MediaStreams
from .webhook import Webhook

__all__ = ["create_app"]


def create_app(
    access: Access,
    agent: Agent,
    client: Client | None = None,
    options: TwilioOptions | None = None,
    *,
    handlers: Mapping[str, ToolHandler] | None = None,
    control: CallControl | None = None,
) -> Starlette:
    """Return the ASGI application; serve it with your own server, alone or mounted into yours.

    ``agent`` answers; ``handlers`` are its tools by name. ``control`` (Twilio's credentials) is for transfers, hanging
    up by REST and the apology. ``client`` and ``control`` stay yours to close; without ``client`` one is made of
    PYAI_API_KEY and PYAI_BASE_URL, and closed where the server tells the application that it ends (lifespan). Raises
    ConfigurationError if there is no key.

    One line for each webhook and each call goes to the log ``twilio_pyai``, at INFO, or WARNING for what was refused.
    """
    options = options or TwilioOptions()
    used = client or Client()
    means = Means(agent, used, options, handlers, control)
    streams = MediaStreams(access, Slots(options.most, "calls"), means)

    @asynccontextmanager
    async def life(_app: Starlette) -> AsyncGenerator[None]:
        yield
        if client is None:
            await used.aclose()

    routes = [Route("/voice", Webhook(access, options), methods=["POST"]), WebSocketRoute("/media", streams)]
    return Starlette(routes=routes, lifespan=life)
