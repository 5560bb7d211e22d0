"""Who may ask: Twilio alone, by its signature over the address and the form (``X-Twilio-Signature``).

Source: Twilio, "Webhooks security"; the check itself is Twilio's own ``RequestValidator``. Twilio signs the address
that it was given, so behind a proxy it must be told here (``public_url``): forwarded headers are not believed.
"""
# twilio's RequestValidator has no types
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr
from starlette.datastructures import FormData
from starlette.requests import HTTPConnection
from twilio.request_validator import RequestValidator

from pyai_voice.errors import ConfigurationError
from pyai_voice.redact import register
from pyai_voice.server.local import is_local

from .refusals import Refusal

__all__ = ["Access"]

_HEADER = "x-twilio-signature"
_SHORTEST_TOKEN = 16
_WEBSOCKET = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


class Access:
    """Twilio's auth token, or two while it is changed; without one, only ``insecure`` and only this machine may ask.

    ``public_url`` is the address of the application as Twilio knows it, such as https://voice.example.com/calls. Raises
    ConfigurationError where there is neither a token nor ``insecure``, and for what is no token or address.
    """

    def __init__(self, *tokens: str | SecretStr, public_url: str = "", insecure: bool = False) -> None:
        if not tokens and not insecure:
            raise ConfigurationError(
                "Twilio's auth token is needed", code="missing_key", hint="See docs/twilio.md, Who may call"
            )
        self.open = not tokens
        """Whether everybody on this machine may ask."""
        self._public = _origin(public_url) if public_url else None
        self._validators = [RequestValidator(_checked(each)) for each in tokens]

    def __repr__(self) -> str:
        return f"Access(tokens={len(self._validators)}, public_url={self._public!r})"

    def check(self, connection: HTTPConnection, form: FormData | None = None) -> None:
        """Refuse who is not Twilio. Raises Refusal (403)."""
        if self.open:
            if not is_local(connection):
                raise Refusal(403, "insecure: only for this machine")
            return
        signatures = connection.headers.getlist(_HEADER)
        if len(signatures) != 1:
            raise Refusal(403, "expected one X-Twilio-Signature")
        if not any(self._is_right(each, connection, form, signatures[0]) for each in self._validators):
            raise Refusal(403, "wrong signature; is public_url the address that Twilio was given?")

    def _is_right(
        self, validator: RequestValidator, connection: HTTPConnection, form: FormData | None, signature: str
    ) -> bool:
        url = self.address(connection)
        addresses = [url, f"{url}/"] if connection.scope["type"] == "websocket" else [url]  # Twilio may end it so
        return any(validator.validate(each, form or {}, signature) for each in addresses)

    def address(self, connection: HTTPConnection) -> str:
        """Return the address that was asked for, as Twilio knows it."""
        asked = connection.url
        if self._public is None:
            return str(asked)
        scheme, host, prefix = self._public
        scheme = _WEBSOCKET[scheme] if connection.scope["type"] == "websocket" else scheme
        return urlunsplit((scheme, host, prefix + asked.path, asked.query, ""))

    def sibling(self, connection: HTTPConnection, name: str) -> str:
        """Return the WebSocket address beside the one that was asked for."""
        asked = urlsplit(self.address(connection))
        return urlunsplit((_WEBSOCKET[asked.scheme], asked.netloc, f"{asked.path.rpartition('/')[0]}/{name}", "", ""))


def _checked(token: str | SecretStr) -> str:
    secret = token.get_secret_value() if isinstance(token, SecretStr) else token
    if len(secret) < _SHORTEST_TOKEN:
        raise ConfigurationError(f"An auth token has at least {_SHORTEST_TOKEN} characters", code="invalid_option")
    register(secret)
    return secret


def _origin(url: str) -> tuple[str, str, str]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ConfigurationError(
            "public_url: expected an address such as https://voice.example.com", code="invalid_option"
        )
    return parts.scheme, parts.netloc, parts.path.rstrip("/")
