"""What only Twilio's REST can do to a call: hang up, transfer, apologise, dial.

Source: Twilio, "Call resource". Twilio's own client, over aiohttp.
"""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from aiohttp import ClientError
from pydantic import SecretStr
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from twilio.twiml.voice_response import VoiceResponse

from pyai_voice.errors import ConfigurationError
from pyai_voice.redact import clean, register

from . import twiml

__all__ = ["CallControl", "ControlError"]

_TWILIO = "https://api.twilio.com"


class ControlError(Exception):
    """Twilio did not do what it was asked; the message has no secret."""


class _Http(AsyncTwilioHttpClient):
    """Twilio's HTTP client, with another address for services that speak Twilio's REST."""

    def __init__(self, base_url: str) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType] - a parameter there has no type
        self._base_url = base_url

    async def request(self, method: str, url: str, *arguments: Any, **more: Any) -> Response:
        """Make a request; the credentials go as a header, since aiohttp will not take them otherwise for long."""
        user, secret = more.pop("auth")
        basic = base64.b64encode(f"{user}:{secret}".encode()).decode()
        more["headers"] = {**more["headers"], "Authorization": f"Basic {basic}"}
        return await super().request(method, url.replace(_TWILIO, self._base_url, 1), *arguments, **more)


class CallControl:
    """One Twilio account. Belongs to one event loop; every request has ``timeout`` seconds.

    ``account_sid`` with its auth token, or with an API key (``SK...`` and its secret). ``base_url`` is for services
    that speak Twilio's REST. Raises ConfigurationError where something is missing.
    """

    def __init__(
        self,
        account_sid: str,
        auth_token: str | SecretStr = "",
        *,
        api_key_sid: str = "",
        api_key_secret: str | SecretStr = "",
        base_url: str = _TWILIO,
        timeout: float = 5.0,
    ) -> None:
        self.account_sid = account_sid
        self._user = api_key_sid or account_sid
        self._secret = _text(api_key_secret) if api_key_sid else _text(auth_token)
        if not (account_sid and self._secret):
            raise ConfigurationError(
                "Twilio's account SID and its auth token, or an API key and its secret, are needed", code="missing_key"
            )
        register(self._secret)
        self._base_url = base_url.rstrip("/")
        self._timeout = timeout
        self._http: _Http | None = None
        Client(self._user, self._secret).calls  # noqa: B018 - loads it now: in the middle of a call it would be heard

    def __repr__(self) -> str:
        return f"CallControl({self.account_sid!r})"

    async def hang_up(self, call_sid: str) -> None:
        """End a call. Raises ControlError."""
        await self._ask(call_sid, status="completed")

    async def transfer(self, call_sid: str, destination: str) -> None:
        """Connect the caller to a number or a SIP address. Raises ControlError, ConfigurationError."""
        await self.redirect(call_sid, twiml.transfer(destination))

    async def redirect(self, call_sid: str, response: VoiceResponse) -> None:
        """Let a call go on with other TwiML; its media stream ends. Raises ControlError."""
        await self._ask(call_sid, twiml=str(response))

    async def dial(self, to: str, from_: str, url: str) -> str:
        """Call a number from one of the account's; ``url`` gives the TwiML when it is answered. Return the call's SID.

        Raises ControlError.
        """
        return await self._ask("", to=to, from_=from_, url=url)

    async def aclose(self) -> None:
        """Close the connections; harmless when called again."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def _ask(self, call_sid: str, **what: str) -> str:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._request(call_sid, what)
        except TwilioRestException as error:
            complaint = f"{error.status}, {error.msg}"
        except (TwilioException, ClientError, OSError) as error:  # a time-out among them
            complaint = str(error) or type(error).__name__
        raise ControlError(f"Twilio: {clean(complaint)[:200]}")

    async def _request(self, call_sid: str, what: dict[str, Any]) -> str:
        if self._http is None:
            self._http = _Http(self._base_url)
        calls = Client(self._user, self._secret, self.account_sid, http_client=self._http).calls
        done = await (calls(call_sid).update_async(**what) if call_sid else calls.create_async(**what))
        return str(done.sid)


def _text(secret: str | SecretStr) -> str:
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret
