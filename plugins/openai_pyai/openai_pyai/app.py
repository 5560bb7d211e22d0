"""The application: OpenAI's audio endpoints in front of PyAI or AudioPod.

POST /v1/audio/speech            Speak
POST /v1/audio/transcriptions    Hear, whole recordings
POST /v1/audio/translations      Hear, where the service translates
GET  /v1/models                  the names that may be asked for
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from pyai_voice.server.door import Door
from pyai_voice.server.limits import RequestId, Slots

from .access import Access
from .catalogue import ModelsContract
from .contract import Contract, Guarded
from .options import FrontOptions
from .recordings import TranscriptionContract, TranslationContract
from .refusals import handlers, refusal
from .speech import SpeechContract

__all__ = ["create_app"]

_log = logging.getLogger("openai_pyai")


def create_app(access: Access, options: FrontOptions | None = None) -> Starlette:
    """Return the ASGI application; serve it with your own server, alone or mounted into yours.

    ``access`` stays yours to close; where the server tells the application that it ends (lifespan), it is closed.

    One line for each request goes to the log ``openai_pyai``, at INFO, or WARNING for what was refused or failed.
    """
    options = options or FrontOptions()
    places = Slots(options.most, "places")

    @asynccontextmanager
    async def life(_app: Starlette) -> AsyncGenerator[None]:
        yield
        await access.aclose()

    def door(contract: Contract[Any]) -> Door:
        answering, largest = Guarded(contract, access), contract.largest
        return Door(contract.name, answering, refusal, places, largest=largest, stall=options.stall, log=_log)

    models = door(ModelsContract())
    app = Starlette(
        routes=[
            Route("/v1/audio/speech", door(SpeechContract(options)), methods=["POST"]),
            Route("/v1/audio/transcriptions", door(TranscriptionContract(options)), methods=["POST"]),
            Route("/v1/audio/translations", door(TranslationContract(options)), methods=["POST"]),
            Route("/v1/models", models, methods=["GET"]),
            Route("/v1/models/{model:path}", models, methods=["GET"]),
        ],
        middleware=[Middleware(RequestId)],
        exception_handlers=handlers,
        lifespan=life,
    )
    app.router.redirect_slashes = False
    return app
