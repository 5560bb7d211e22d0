"""What every command that asks the service shares: where it is, the key, and what is printed of the answers."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from ..client import Client
    from ..options import Endpoint

__all__ = ["NO_KEY", "BaseUrl", "Json", "Limit", "endpoint", "first", "service"]

Item = TypeVar("Item")

BaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        metavar="URL",
        envvar="PYAI_BASE_URL",
        help="Where the service is; without it PyAI itself. The key is in PYAI_API_KEY, never on the command line.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="List at most so many.")]

NO_KEY = (
    "Set PYAI_API_KEY. Without an account: run pyai-voice serve and paste the line that it prints into this shell, "
    "which sets PYAI_BASE_URL as well"
)


def endpoint(base_url: str | None) -> Endpoint:
    """Return where the service is. Raises ConfigurationError for no key, what is no key, and what is no address."""
    from ..options import Endpoint

    key = os.environ.get("PYAI_API_KEY", "").strip()
    if not key:
        raise ConfigurationError("There is no key", code="missing_key", hint=NO_KEY)
    return Endpoint.from_env(key, base_url)


@asynccontextmanager
async def service(base_url: str | None) -> AsyncGenerator[Client]:
    """Open a client for the length of a block. Raises ConfigurationError as :func:`endpoint` does."""
    from ..client import Client

    async with Client(endpoint(base_url)) as client:
        yield client


async def first(items: AsyncIterator[Item], most: int) -> list[Item]:
    """Return the first items of a list; no further page is asked for."""
    found: list[Item] = []
    async for item in items:
        found.append(item)
        if len(found) == most:
            break
    return found
