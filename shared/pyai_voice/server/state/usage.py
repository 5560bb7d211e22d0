"""What each key has used today."""

from __future__ import annotations

import time
from collections.abc import Callable

from ...errors import service_error
from .collection import Collection
from .database import Database
from .records import Record

__all__ = ["Usage"]

_DAY = 86_400
_MOST = 10_000


class _Day(Record):
    day: int
    """Days since 1970, UTC."""
    units: int


class Usage:
    """Counts units: one for each transcription, speech, job, stream or session."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._days = Collection(database, "usage", _Day, most=_MOST, trim=True)
        self._clock = clock

    async def spend(self, organisation: str, key_id: str, cap: int) -> None:
        """Count one unit. Raises RateLimitError ``daily_cap_exceeded`` when that is more than ``cap`` today."""
        now = self._clock()
        today = int(now // _DAY)

        def count(day: _Day) -> _Day:
            used = day.units if day.day == today else 0
            if used >= cap:
                raise service_error(
                    "The daily cap of this key is used up. Resets at 00:00 UTC.",
                    code="daily_cap_exceeded",
                    retry_after=_DAY - now % _DAY,
                )
            return _Day(day=today, units=used + 1)

        await self._days.put_changed(organisation, key_id, _Day(day=today, units=0), count)

    async def today(self, organisation: str, key_id: str) -> int:
        """Return how many units were counted today."""
        day = await self._days.find(organisation, key_id)
        return day.units if day is not None and day.day == int(self._clock() // _DAY) else 0
