"""One endpoint: who asks is known before the body is read, and the service is asked as long as the client is there."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from starlette.requests import Request

from pyai_voice.client import Client
from pyai_voice.errors import PyAIError
from pyai_voice.server.door import Reply

from .access import Access
from .refusals import from_upstream

__all__ = ["Contract", "Guarded"]

Asked = TypeVar("Asked")


class Contract(Protocol[Asked]):
    """What an endpoint does."""

    name: str
    """For the log."""
    largest: int
    """Bytes of a body."""

    async def read(self, request: Request) -> Asked:
        """Return what is asked. Raises ServiceError."""
        ...

    async def answer(self, asked: Asked, client: Client, reply: Reply) -> None:
        """Ask the service and answer. Raises PyAIError."""
        ...


class Guarded(Generic[Asked]):
    """A contract for those who may ask."""

    def __init__(self, contract: Contract[Asked], access: Access) -> None:
        self._contract = contract
        self._access = access

    async def __call__(self, request: Request, reply: Reply) -> None:
        """Answer one request. Raises ServiceError."""
        async with self._access.client(request) as client:
            asked = await self._contract.read(request)
            try:
                await reply.watched(self._contract.answer(asked, client, reply))
                failure = None
            except PyAIError as error:
                failure = from_upstream(error, self._access.provider.name, passes=self._access.passes)
            if failure is not None:
                raise failure
