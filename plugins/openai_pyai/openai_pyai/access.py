"""Who may ask, and with which key the service is asked: the front's own, or the client's.

The front's own key is behind a second one, which is compared in a time that does not tell how much of it is right. A
client's own key is never judged here: the service does that.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request

from pyai_voice.client import Client
from pyai_voice.errors import ConfigurationError, ServiceError, service_error
from pyai_voice.options import Endpoint
from pyai_voice.provider import PYAI, Provider
from pyai_voice.redact import forget
from pyai_voice.server.credentials import SHORTEST, credential, digest
from pyai_voice.server.local import is_local

__all__ = ["Access", "OwnKey", "PassThrough"]

_NO_KEY = "there-is-no-key-yet"
_RETRY_WINDOW = 1.0
"""Seconds; OpenAI's clients try again themselves."""


class Access(Protocol):
    """Decides on a request before its body is read."""

    provider: Provider
    """The service that is asked."""
    passes: bool
    """Whether the key that is asked with is the client's own: then the service's verdict on it is passed on."""

    def client(self, request: Request) -> AbstractAsyncContextManager[Client]:
        """Return whom to ask, for the length of a block. Raises ServiceError (401 or 403)."""
        ...

    async def aclose(self) -> None:
        """Close what was opened here."""
        ...


class OwnKey:
    """The service is asked with the key of ``client``, which stays yours to close, for those who have a front key.

    Without a front key only ``insecure`` and only programs of this machine may ask. Raises ConfigurationError where
    there is neither, and for what is too short to be a secret.
    """

    passes = False

    def __init__(self, client: Client, *front_keys: str, insecure: bool = False) -> None:
        if not front_keys and not insecure:
            raise ConfigurationError(
                "Who may ask? A front key is needed", code="missing_key", hint="See docs/openai.md, Keys"
            )
        self.open = not front_keys
        """Whether every program of this machine may ask."""
        self.provider = client.endpoint.provider
        self._client = client
        self._digests = [digest(credential(key, "A front key")) for key in front_keys]

    @asynccontextmanager
    async def client(self, request: Request) -> AsyncGenerator[Client]:
        """Return the client for who may ask."""
        if self.open:
            if not is_local(request):
                raise service_error("Only for programs of this machine", code="forbidden")
        elif not self._knows(_presented(request)):
            raise service_error("Unknown API key", code="unauthorized")
        yield self._client

    async def aclose(self) -> None:
        """Do nothing: the client is yours."""

    def _knows(self, presented: str) -> bool:
        given = digest(presented)
        return True in [hmac.compare_digest(each, given) for each in self._digests]  # each is compared, always


@dataclass(slots=True)
class _Line:
    client: Client
    users: int = 0


class PassThrough:
    """The service is asked with the key that the client shows. Warm connections of ``most`` keys are kept.

    Raises ConfigurationError for an address that cannot be one.
    """

    passes = True

    def __init__(
        self, provider: Provider = PYAI, base_url: str = "", *, insecure: bool = False, most: int = 64
    ) -> None:
        """``base_url``: empty for the environment's, or the provider's own; ``insecure``: http also elsewhere."""
        self.provider = provider
        self._base_url = base_url
        self._insecure = insecure
        self._most = most
        self._lines: OrderedDict[bytes, _Line] = OrderedDict()
        self._endpoint(_NO_KEY)
        forget(_NO_KEY)

    @asynccontextmanager
    async def client(self, request: Request) -> AsyncGenerator[Client]:
        """Return a client with the key of the request."""
        line = self._line(_presented(request))
        line.users += 1
        try:
            yield line.client
        finally:
            line.users -= 1
            await self._drop(self._most)

    async def aclose(self) -> None:
        """Close every connection that nobody uses."""
        await self._drop(0)

    def _line(self, key: str) -> _Line:
        name = digest(key)
        if name not in self._lines:
            self._lines[name] = _Line(Client(self._endpoint(key), retry_window=_RETRY_WINDOW))
        self._lines.move_to_end(name)
        return self._lines[name]

    def _endpoint(self, key: str) -> Endpoint:
        if len(key) < SHORTEST:  # every message is searched for the keys that are in use, to hide them
            raise _no_key()
        try:
            return Endpoint.from_env(key, self._base_url, provider=self.provider, insecure=self._insecure)
        except ConfigurationError as error:
            complaint = error.message
        if complaint.startswith("api_key"):
            raise _no_key()
        raise ConfigurationError(complaint, code="invalid_option")

    async def _drop(self, most: int) -> None:
        """Let go of the keys that were used longest ago, and forget them."""
        idle = [name for name, line in self._lines.items() if not line.users]
        for name in idle[: max(0, len(self._lines) - most)]:
            client = self._lines.pop(name).client
            forget(client.endpoint.api_key.get_secret_value())
            await client.aclose()


def _presented(request: Request) -> str:
    """Return the key of a request: bearer, or ``x-api-key``. Raises AuthenticationError unless there is just one."""
    found = set(request.headers.getlist("x-api-key"))
    for header in request.headers.getlist("authorization"):
        scheme, _, value = header.partition(" ")
        if scheme.lower() == "bearer":
            found.add(value.strip())
    found.discard("")
    if len(found) != 1:
        what = "No API key" if not found else "Different API keys"
        raise service_error(f"{what}: send Authorization: Bearer <key>", code="unauthorized")
    return found.pop()


def _no_key() -> ServiceError:
    return service_error("This is no API key", code="unauthorized")
