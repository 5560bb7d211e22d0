"""Requests that are tried again: within a window, after a hold-off that all streams and clients of a key share.

Above: :mod:`pyai_voice.http` and :mod:`pyai_voice.speak`, who say what is worth it. Below: backoff, which says when.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from .backoff import HOLD_OFF, delay
from .errors import PyAIError, RateLimitError
from .options import Endpoint

__all__ = ["admitted", "retried"]

_FIRST_DELAY = 0.25
_LONGEST_DELAY = 2.0
_SPREAD = 0.25
"""Seconds over which all who waited for one hold-off spread."""

_logger = logging.getLogger(__name__)

_T = TypeVar("_T")


async def retried(
    attempt: Callable[[], Awaitable[_T]], endpoint: Endpoint, window: float, worth: Callable[[PyAIError], bool]
) -> _T:
    """Return what ``attempt`` returns; try again while an error is ``worth`` it and the window (seconds) is open.

    A wait that the server asks for holds off every stream and client of this key; one that does not fit into the
    window raises the error at once.
    """
    limit = time.monotonic() + window
    number = 0
    while True:
        await admitted(endpoint, limit)
        try:
            return await attempt()
        except PyAIError as error:
            failure = error
        wait = delay(number, first=_FIRST_DELAY, longest=_LONGEST_DELAY)
        if not worth(failure) or time.monotonic() + max(wait, failure.retry_after or 0.0) > limit:
            raise failure
        _logger.info("Trying again: %s", failure)
        await asyncio.sleep(wait)
        number += 1


async def admitted(endpoint: Endpoint, limit: float) -> None:
    """Wait until requests are allowed again. Raises RateLimitError if that is after ``limit`` (monotonic seconds)."""
    while held := HOLD_OFF.remaining(endpoint):
        if time.monotonic() + held > limit:
            raise RateLimitError(
                f"{endpoint.base_url} asked to wait {held:.0f} s more",
                code="rate_limit_exceeded",
                status=429,
                retry_after=held,
            )
        await asyncio.sleep(held + random.uniform(0, _SPREAD))
