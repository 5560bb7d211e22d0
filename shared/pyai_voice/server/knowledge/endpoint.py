"""A knowledge base for voice platforms to ask: Omni (``kb_endpoint``) and Vapi (custom knowledge base), one address.

A caller waits on the telephone meanwhile. So an answer comes within the budget, and where nothing was found in time, or
the store is in trouble, it is an empty one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from hmac import digest
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...errors import ConfigurationError, ServiceError, service_error
from ..credentials import credential, same
from ..limits import Slots, limited
from ..refusals import status_of
from ..settings import Settings
from . import Hit
from .callers import Question, answer, parse

__all__ = ["Access", "EndpointOptions", "Searchable", "create_endpoint"]

_log = logging.getLogger(__name__)

_SIGNATURE = "sha256="


class Searchable(Protocol):
    """What the endpoint needs of a :class:`~.facade.Knowledge`."""

    async def search(
        self, organisation: str, query: str, kb: Sequence[str] | None, limit: int, budget: float | None, *, least: float
    ) -> list[Hit]:
        """Return the passages that fit best."""
        ...


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask. Raises ConfigurationError for what is too short to be a secret."""

    token: str = field(default="", repr=False)
    """Omni's ``kb_token``: ``Authorization: Bearer <token>``."""
    secret: str = field(default="", repr=False)
    """Vapi's: ``x-vapi-signature: sha256=<hex HMAC of the body>``, or itself as ``x-vapi-secret``."""
    insecure: bool = False
    """Let everybody ask when there is neither."""

    def __post_init__(self) -> None:
        given = [each for each in (self.token, self.secret) if each]
        if not given and not self.insecure:
            raise ConfigurationError("Who may ask? A token or a secret is needed", code="missing_key")
        for each in given:
            credential(each)

    def allows(self, request: Request, body: bytes) -> bool:
        """Tell whether a request has at least one right credential and no wrong one, in constant time."""
        checks = [
            *(same(_bearer(value), self.token) for value in request.headers.getlist("authorization") if self.token),
            *(same(value, self.secret) for value in request.headers.getlist("x-vapi-secret") if self.secret),
            *(self._signed(value, body) for value in request.headers.getlist("x-vapi-signature") if self.secret),
        ]
        return all(checks) and (bool(checks) or not (self.token or self.secret))

    def _signed(self, signature: str, body: bytes) -> bool:
        expected = digest(self.secret.encode(), body, "sha256").hex()
        return same(signature.strip().removeprefix(_SIGNATURE).lower(), expected)


def _bearer(header: str) -> str:
    scheme, _, value = header.partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


@dataclass(frozen=True, slots=True)
class EndpointOptions:
    """What is searched, and how much is answered."""

    organisation: str = "org_local"
    bases: tuple[str, ...] | None = None
    """Ids of the knowledge bases; None: all of them."""
    limit: int = 3
    """Passages in an answer."""
    least: float = 0.0
    """Score that a passage must have, 0 to 1."""
    budget: float = 0.25
    """Seconds for the search; Omni gives 0.3 with the way there and back."""
    max_body: int = 1 << 18
    """Bytes of a question; Vapi sends the whole conversation."""
    most: int = 64
    """Questions at once; the next one gets 429."""
    stall: float = 5.0
    """Seconds after which a platform that does not go on sending is given up."""


def create_endpoint(knowledge: Searchable, access: Access, options: EndpointOptions | None = None) -> Starlette:
    """Return an ASGI application that answers ``POST /``; serve it by your own server, or by ``pyai-voice kb serve``.

    ::

        knowledge = await Knowledge.open(Path("data"))
        app = create_endpoint(knowledge, Access(token=os.environ["KB_TOKEN"]))

    One line for each request goes to the log ``pyai_voice.server.knowledge.endpoint`` at INFO: platform, status, number
    of passages, milliseconds; never a secret, never a word of the caller's.
    """
    options = options or EndpointOptions()
    app = Starlette(routes=[Route("/", _Endpoint(knowledge, access, options).ask, methods=["POST"])])
    app.state.settings = Settings(receive_stall=options.stall)
    return app


class _Endpoint:
    def __init__(self, knowledge: Searchable, access: Access, options: EndpointOptions) -> None:
        self._knowledge = knowledge
        self._access = access
        self._options = options
        self._slots = Slots(options.most, "places")

    async def ask(self, request: Request) -> Response:
        began = time.monotonic()
        platform, passages = "-", 0
        try:
            with self._slots.take():
                question = await self._question(request)
                hits = await self._search(question)
            platform, passages = question.platform, len(hits)
            response = JSONResponse(answer(question, hits))
        except ServiceError as error:
            response = _refusal(error)
        except ClientDisconnect:  # nobody reads the answer
            response = Response(status_code=400)
        took = round((time.monotonic() - began) * 1000)
        _log.info("%s %d, %d passages, %d ms", platform, response.status_code, passages, took)
        return response

    async def _question(self, request: Request) -> Question:
        body = await limited(request, self._options.max_body).body()
        if not self._access.allows(request, body):
            raise service_error("unauthorized", code="unauthorized")
        return parse(body)

    async def _search(self, question: Question) -> list[Hit]:
        options = self._options
        try:
            return await self._knowledge.search(
                options.organisation, question.text, options.bases, options.limit, options.budget, least=options.least
            )
        except ServiceError as error:
            _log.warning("answering without passages: %s", error)
            return []


def _refusal(error: ServiceError) -> Response:
    content = (
        {"error": error.code} if error.code != "invalid_request" else {"error": error.code, "detail": error.message}
    )
    return JSONResponse(content, status_of(error))
