"""The application: five contracts, one for each thing that Vapi lets others do.

POST /voice                  custom voice                 Speak
WS   /transcriber            custom transcriber           Hear
POST /endpointing            custom endpointing model     Cue
POST /knowledge              custom knowledge base        Cue
POST /llm/chat/completions   custom LLM                   any OpenAI-compatible model
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route, WebSocketRoute

from pyai_voice.client import Client
from pyai_voice.server.door import Answering, Door, Reply
from pyai_voice.server.limits import Slots
from pyai_voice.server.refusals import error_response

from .access import Access
from .calls import Calls
from .endpointing import CustomEndpointing
from .knowledge import CustomKnowledge
from .model import ChatModel, CustomModel
from .options import VapiOptions
from .transcriber import CustomTranscriber
from .voice import CustomVoice

__all__ = ["create_app"]

_log = logging.getLogger("vapi_pyai")


def create_app(
    access: Access,
    client: Client | None = None,
    options: VapiOptions | None = None,
    *,
    model: ChatModel | None = None,
) -> Starlette:
    """Return the ASGI application; serve it with your own server, alone or mounted into yours.

    ``client`` stays yours to close; without it one is made of PYAI_API_KEY and PYAI_BASE_URL, and closed where the
    server tells the application that it ends (lifespan). ``model`` answers the custom LLM and stays yours too. A call's
    contracts know of each other within one process: run one worker. Raises ConfigurationError if there is no key.

    One line for each request goes to the log ``vapi_pyai``, at INFO, or WARNING for what was refused.
    """
    options = options or VapiOptions()
    used = client or Client()
    calls = Calls()
    contracts: dict[str, tuple[str, Answering]] = {
        "/voice": ("voice", CustomVoice(used, options)),
        "/endpointing": ("endpointing", CustomEndpointing(calls, options.endpointing)),
        "/knowledge": ("knowledge", CustomKnowledge(used, calls, options)),
        "/llm/chat/completions": ("llm", CustomModel(model, options)),
    }
    doors = [
        Route(path, _door(name, contract, access, options), methods=["POST"])
        for path, (name, contract) in contracts.items()
    ]
    transcriber = CustomTranscriber(used, calls, access, Slots(options.most, "calls"), options)

    @asynccontextmanager
    async def life(_app: Starlette) -> AsyncGenerator[None]:
        yield
        if client is None:
            await used.aclose()

    return Starlette(routes=[*doors, WebSocketRoute("/transcriber", transcriber)], lifespan=life)


def _door(name: str, contract: Answering, access: Access, options: VapiOptions) -> Door:
    return Door(
        name,
        _Guarded(contract, access),
        error_response,
        Slots(options.most, "places"),
        largest=options.max_body,
        stall=options.stall,
        log=_log,
    )


class _Guarded:
    """A contract for those who may ask, as long as they are there."""

    def __init__(self, contract: Answering, access: Access) -> None:
        self._contract = contract
        self._access = access

    async def __call__(self, request: Request, reply: Reply) -> None:
        self._access.check_early(request)
        self._access.check(request, await request.body())
        await reply.watched(self._contract(request, reply))
