"""Omni's handshake, and whether it confirms what ``configure`` asks for."""

from __future__ import annotations

import time

from ...events import Problem
from ...omni_events import CallStarted, Configured
from ...omni_options import OmniOptions
from .finding import Bench, Finding, Status, found_wrong
from .hear import ONE_TRY

__all__ = ["look"]

_SLOW = 3.0
"""Seconds until the agent could speak."""


async def look(bench: Bench) -> None:
    """Open a call and hang up once it is configured. Raises PyAIError."""
    if not bench.may("Omni", "omni:session"):
        return
    options = OmniOptions(persona="You answer briefly.", greeting="", language="en", on_mismatch="report")
    began = time.perf_counter()
    async with bench.client.omni(options, link=ONE_TRY) as stream:
        async for event in stream:
            took = time.perf_counter() - began
            match event:
                case CallStarted():
                    status = Status.PASS if took <= _SLOW else Status.WARN
                    bench.tell(Finding("Omni, handshake", status, f"sends {event.output_rate} Hz", "", took))
                case Problem():
                    bench.tell(found_wrong("Omni, configure", event.error))
                    return
                case Configured():
                    bench.tell(Finding("Omni, configure", Status.PASS, "confirmed as asked for", "", took))
                    return
                case _:
                    pass
    bench.tell(Finding("Omni, configure", Status.FAIL, "the call ended before it was confirmed", "Ask PyAI's support"))
