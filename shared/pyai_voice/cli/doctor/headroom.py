"""Whether a few streams at once are taken."""

from __future__ import annotations

import asyncio
import time

from ...client import Client
from ...errors import PyAIError, RateLimitError
from ...events import Connected
from .finding import Bench, Finding, Status
from .hear import ONE_TRY

__all__ = ["look"]

_FEW = 3
"""No more than that: others may be at work with this key."""
_CHECK = "streams at once"


async def look(bench: Bench) -> None:
    """Open a few streams, together, and close them again. Raises PyAIError for anything but too many."""
    if not bench.may(_CHECK, "hear:stream"):
        return
    limit = bench.account.limits.concurrency if bench.account else None
    few = min(_FEW, limit or _FEW)
    all_open, began = asyncio.Barrier(few), time.perf_counter()
    opened = await asyncio.gather(*(_opened(bench.client, all_open) for _ in range(few)), return_exceptions=True)
    took = time.perf_counter() - began
    refused = [each for each in opened if isinstance(each, RateLimitError)]
    for each in opened:
        if isinstance(each, BaseException) and not isinstance(each, RateLimitError):
            raise each
    allowed = f"{limit} are allowed" if limit else "the service does not say how many are allowed"
    if refused:
        said = f"{few - len(refused)} of {few} were taken; {allowed}"
        bench.tell(Finding(_CHECK, Status.WARN, said, "Others may be using the key; ask for a higher limit"))
    else:
        bench.tell(Finding(_CHECK, Status.PASS, f"{few} were taken; {allowed}", "", took))


async def _opened(client: Client, all_open: asyncio.Barrier) -> None:
    """Open a stream and hold it until the others are open too, or one of them cannot be."""
    try:
        async with client.hear(link=ONE_TRY) as stream:
            async for event in stream:
                if isinstance(event, Connected):
                    await all_open.wait()
                    return
    except asyncio.BrokenBarrierError:
        return
    except PyAIError:
        await all_open.abort()
        raise
