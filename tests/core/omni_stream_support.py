"""What the tests of Omni over real sockets share: a stream, and readers of its events."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from pyai_voice.errors import PyAIError
from pyai_voice.omni import OmniStream
from pyai_voice.omni_events import OmniEvent
from pyai_voice.omni_options import OmniOptions
from tests.core.omni_service import Service

SLOT = 640
"""Bytes of 20 ms at 16000."""
_E = TypeVar("_E")


def stream(service: Service, **options: Any) -> OmniStream:
    return OmniStream(service.endpoint, OmniOptions(**options))


async def next_of(kind: type[_E], omni: OmniStream, seen: list[OmniEvent] | None = None) -> _E:
    """Read until an event of one kind comes."""
    async with asyncio.timeout(20):
        async for event in omni:
            if seen is not None:
                seen.append(event)
            if isinstance(event, kind):
                return event
    raise AssertionError(f"no {kind.__name__}")


async def collect(omni: OmniStream) -> tuple[list[OmniEvent], PyAIError | None]:
    """Read to the end; return the events and the error that ended them."""
    events: list[OmniEvent] = []
    async with asyncio.timeout(20):
        try:
            async for event in omni:
                events.append(event)
        except PyAIError as error:
            return events, error
    return events, None
