"""Tokens with which a web page opens one Omni session, so that the key stays on your server.

Source: protocol of PyAI, "Ephemeral browser tokens" (scope ``omni:session``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import model_validator

from ..errors import ConfigurationError
from .record import Record, Secret, Time
from .resource import Resource

__all__ = ["OmniSession", "SessionRequests"]

_SECONDS = (1, 600)


class OmniSession(Record):
    """What a page needs. It opens ``url`` with the subprotocols ``pyai.v1`` and ``pyai-key.<token>``."""

    token: Secret
    """Good for one session, from the allowed origins, until ``expires_at``; ``token.get_secret_value()`` shows it."""
    url: str
    """Where to connect; it names the label."""
    expires_at: Time | None = None
    session_label: str | None = None

    @model_validator(mode="after")
    def _name_label(self) -> Self:
        """Append the label, which the service leaves out of the address."""
        parts = urlsplit(self.url)
        if self.session_label and "session_label" not in dict(parse_qsl(parts.query)):
            label = urlencode({"session_label": self.session_label})
            query = f"{parts.query}&{label}" if parts.query else label
            object.__setattr__(self, "url", urlunsplit(parts._replace(query=query)))
        return self


class SessionRequests(Resource):
    """Makes tokens for web pages."""

    feature = "sessions"

    async def create(
        self, allowed_origins: Sequence[str], *, ttl: int = 60, session_label: str | None = None
    ) -> OmniSession:
        """Make a token for pages of these origins (``https://example.com``; at least one, no ``*``).

        ``ttl`` is how many seconds it may take until the page connects, 1 to 600. ``session_label`` may be the id of
        an agent. Raises ConfigurationError for what the service would refuse.
        """
        _check(allowed_origins, ttl)
        body: dict[str, object] = {"allowed_origins": list(allowed_origins), "ttl_seconds": ttl}
        if session_label is not None:
            body["session_label"] = session_label
        session = await self._send(OmniSession, "POST", "/omni/sessions", body)
        if session_label is None or session.session_label is not None:
            return session
        return OmniSession.model_validate({**session.model_dump(), "session_label": session_label})


def _check(origins: Sequence[str], ttl: int) -> None:
    fault = ""
    if isinstance(origins, str) or not origins:
        fault = "allowed_origins: expected a list with at least one origin"
    elif any("*" in origin for origin in origins):
        fault = "allowed_origins: each origin by its name, no *"
    elif not _SECONDS[0] <= ttl <= _SECONDS[1]:
        fault = f"ttl: {ttl} is not within {_SECONDS[0]} to {_SECONDS[1]} seconds"
    if fault:
        raise ConfigurationError(fault, code="invalid_option")
