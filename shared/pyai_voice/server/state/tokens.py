"""Session tokens: what a web page opens one Omni session with.

Source: protocol of PyAI, "Ephemeral browser tokens". Only a digest of a token is kept.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from hashlib import sha256

from ...errors import service_error
from .collection import Collection
from .database import Database
from .records import Record

__all__ = ["SessionToken", "SessionTokens"]

_PREFIX = "pyai_live_sess_"
_MOST = 10_000
"""Tokens of one organisation, used and expired ones included; then the oldest go."""


class SessionToken(Record):
    """What a token allows."""

    organisation: str
    key_id: str
    """Of the key that it was made with."""
    allowed_origins: list[str]
    session_label: str | None = None
    expires_at: int
    """Unix milliseconds."""
    daily_cap: int | None = None
    """Of that key, and counted for it."""
    used: bool = False


class SessionTokens:
    """The tokens of every organisation."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._tokens = Collection(database, "session token", SessionToken, most=_MOST, trim=True)
        self._clock = clock

    async def mint(
        self,
        organisation: str,
        key_id: str,
        allowed_origins: list[str],
        ttl: float,
        session_label: str | None = None,
        *,
        daily_cap: int | None = None,
    ) -> tuple[str, SessionToken]:
        """Make a token that is good for one session within ``ttl`` seconds; it is not shown again."""
        secret = f"{_PREFIX}{secrets.token_urlsafe(32)}"
        token = SessionToken(
            organisation=organisation,
            key_id=key_id,
            allowed_origins=allowed_origins,
            session_label=session_label,
            expires_at=round((self._clock() + ttl) * 1000),
            daily_cap=daily_cap,
        )
        await self._tokens.add(organisation, _digest(secret), token)
        return secret, token

    async def redeem(self, secret: str, origin: str | None) -> SessionToken:
        """Take a token for the one session it is good for.

        Raises AuthenticationError for one that is unknown, expired or used, and PermissionDeniedError
        ``origin_not_allowed`` for a page from elsewhere; that does not use it up.
        """
        digest = _digest(secret)
        organisation = await self._tokens.owner(digest)
        if organisation is None:
            raise service_error("Unknown session token", code="unauthorized")

        def use(token: SessionToken) -> SessionToken:
            if token.used or self._clock() * 1000 >= token.expires_at:
                raise service_error("The session token is used up or has expired", code="unauthorized")
            if origin not in token.allowed_origins:
                raise service_error("The session token is for pages of another origin", code="origin_not_allowed")
            return token.model_copy(update={"used": True})

        return await self._tokens.change(organisation, digest, use)

    @staticmethod
    def is_token(credential: str) -> bool:
        """Tell a session token from a key."""
        return credential.startswith(_PREFIX)


def _digest(secret: str) -> str:
    return sha256(secret.encode("utf-8", "replace")).hexdigest()
