"""When to try again: full jitter, what the server asked for, one hold-off for all streams of a key."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from pydantic import SecretStr

from .errors import PyAIError, RateLimitError
from .options import Endpoint, LinkOptions

__all__ = ["HOLD_OFF", "LONGEST_RETRY_AFTER", "HoldOff", "Outage", "delay", "retry_after"]

LONGEST_RETRY_AFTER = 120.0
"""Seconds; a server that asks for more is asked again after this."""
_SPREAD = 0.25
"""Seconds over which streams that waited for the same hold-off spread their dials."""


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return how many seconds the server asks us to wait, 0 to 120; None where it does not say.

    Understands ``retry-after-ms`` and ``Retry-After`` as seconds or as an HTTP date (``now``: Unix time).
    """
    fields = {name.lower(): value.strip() for name, value in headers.items()}
    seconds = _number(fields.get("retry-after-ms", ""))
    if seconds is not None:
        return _bounded(seconds / 1000)
    said = fields.get("retry-after", "")
    seconds = _number(said)
    if seconds is None and said:
        seconds = _until(said, time.time() if now is None else now)
    return None if seconds is None else _bounded(seconds)


def delay(attempt: int, *, first: float, longest: float) -> float:
    """Return a random wait in seconds before attempt number ``attempt`` (0 is the first): full jitter."""
    return random.uniform(0, min(longest, first * 2 ** min(attempt, 32)))


class HoldOff:
    """Who must not be dialled before when; shared by all streams and clients of a process."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, SecretStr], float] = {}

    def hold(self, endpoint: Endpoint, seconds: float) -> None:
        """Let nobody dial this origin with this key for so long."""
        key, now = (endpoint.base_url, endpoint.api_key), time.monotonic()
        self._until = {each: until for each, until in self._until.items() if until > now}  # a front sees many keys
        self._until[key] = max(self._until.get(key, 0.0), now + min(seconds, LONGEST_RETRY_AFTER))

    def remaining(self, endpoint: Endpoint) -> float:
        """Return how many seconds are left, 0.0 where nothing holds us."""
        key = (endpoint.base_url, endpoint.api_key)
        left = self._until.get(key, 0.0) - time.monotonic()
        if left <= 0:
            self._until.pop(key, None)
        return max(0.0, left)

    async def passed(self, endpoint: Endpoint) -> None:
        """Wait until dialling is allowed; streams that waited spread over a quarter of a second."""
        waited = False
        while (left := self.remaining(endpoint)) > 0:
            waited = True
            await asyncio.sleep(left)
        if waited:
            await asyncio.sleep(random.uniform(0, _SPREAD))


HOLD_OFF = HoldOff()
"""The one of this process."""


class Outage:
    """One stream's account of failures in a row: how long to wait next, and when to give up."""

    def __init__(self, options: LinkOptions) -> None:
        self._options = options
        self._attempt = 0
        self._limit: float | None = None

    def over(self) -> None:
        """Forget it: the connection has proved healthy."""
        self._attempt = 0
        self._limit = None

    def next_delay(self, error: PyAIError, now: float) -> float | None:
        """Return the seconds to wait after ``error``; None: not worth it, or the ride-through is spent.

        A wait that the server asked for does not count against the ride-through.
        """
        if not error.retryable:
            return None
        if self._limit is None:
            self._limit = now + self._options.ride_through
        asked = error.retry_after or 0.0
        self._limit += asked
        if now >= self._limit:
            return None
        first = 1.0 if isinstance(error, RateLimitError) else self._options.first_delay
        wait = delay(self._attempt, first=first, longest=self._options.longest_delay)
        self._attempt += 1
        return max(asked, min(wait, self._limit - now))


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < 1e12 else None


def _until(date: str, now: float) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now


def _bounded(seconds: float) -> float:
    return min(max(0.0, seconds), LONGEST_RETRY_AFTER)
