"""Session tokens for web pages: ``POST /v1/omni/sessions``, and their use at the door of an Omni session.

Source: protocol of PyAI, "Ephemeral browser tokens".
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field
from starlette.requests import HTTPConnection

from ..auth import authorize, credentials, spend
from ..operations import Asked, Body, Operation
from ..state import State
from ..state.keys import Key
from ..state.records import WHOLE
from ..state.tokens import SessionToken

__all__ = ["admit", "operations"]

_SCOPE = "omni:session"
_ORIGIN = re.compile(r"https?://[a-z0-9.\-\[\]:]{1,250}")


def _check_origin(origin: str) -> str:
    if not _ORIGIN.fullmatch(origin):
        raise ValueError("expected an origin such as https://shop.example, in small letters, without a path or *")
    return origin


Origin = Annotated[str, Field(json_schema_extra={"pattern": f"^{_ORIGIN.pattern}$"}), AfterValidator(_check_origin)]
Label = Annotated[str, Field(max_length=256, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]


class NewSession(Body):
    """A token to be made."""

    allowed_origins: Annotated[list[Origin], Field(min_length=1, max_length=50)]
    """Of the pages that may use it."""
    ttl_seconds: Annotated[int, Field(ge=1, le=600), WHOLE] = 60
    session_label: Label | None = None


class Session(BaseModel):
    """A token; it is not shown again."""

    object: Literal["omni.session"] = "omni.session"
    token: str
    expires_at: int
    """Unix milliseconds."""
    url: str
    """Where to connect; without the label."""
    session_label: str | None


async def _create(asked: Asked) -> Session:
    wanted = await asked.body(NewSession)
    secret, token = await asked.stores.tokens.mint(
        asked.organisation,
        asked.key.key_id,
        wanted.allowed_origins,
        wanted.ttl_seconds,
        wanted.session_label,
        daily_cap=asked.key.daily_cap,
    )
    return Session(token=secret, expires_at=token.expires_at, url=_address(asked), session_label=token.session_label)


def _address(asked: Asked) -> str:
    scheme = {"http": "ws", "https": "wss"}[asked.request.url.scheme]
    return f"{scheme}://{asked.request.url.netloc}/v1/omni?format=pcm16&rate=24000"


async def admit(connection: HTTPConnection) -> tuple[Key, str | None]:
    """Return the key of an Omni session that is being opened, and the label that its token says (None: none).

    A session token takes the place of a key: good once, for the pages it names. Raises AuthenticationError or
    PermissionDeniedError as :func:`~pyai_voice.server.auth.authorize` does, and RateLimitError ``daily_cap_exceeded``.
    """
    stores: State = connection.app.state.stores
    found = credentials(connection)
    token = next(iter(found)) if len(found) == 1 else ""
    label = None
    if stores.tokens.is_token(token):
        session = await stores.tokens.redeem(token, connection.headers.get("origin"))
        key, label = _key(session), session.session_label
    else:
        key = authorize(connection, _SCOPE)
    await spend(connection, key)
    return key, label


def _key(session: SessionToken) -> Key:
    return Key(
        key_id=session.key_id,
        scopes=(_SCOPE,),
        expires_at=session.expires_at,
        organisation=session.organisation,
        daily_cap=session.daily_cap,
    )


operations = [Operation("POST", "/v1/omni/sessions", _create, _SCOPE, status=201, body=NewSession, answer=Session)]
