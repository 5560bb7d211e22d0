"""The event loop: its clock, and the parts of a connection that run side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from .errors import PyAIError

__all__ = ["now", "until_first"]


def now() -> float:
    """Return the time of the running loop, in seconds."""
    return asyncio.get_running_loop().time()


async def until_first(*parts: Coroutine[Any, Any, None]) -> PyAIError | None:
    """Run parts side by side until one of them ends, and cancel the rest; return the error that ended it, or None.

    Where several have ended, the one that is named first counts. Raises what is no PyAIError. Leaves no task behind.
    """
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        endings = await asyncio.gather(*tasks, return_exceptions=True)
    ending = next((each for each in endings if not isinstance(each, asyncio.CancelledError)), None)
    if ending is None or isinstance(ending, PyAIError):
        return ending
    raise ending
