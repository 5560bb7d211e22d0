"""How long each endpoint takes to answer, over a connection that is open already."""

from __future__ import annotations

import time

from ...errors import PyAIError, RequestError
from .finding import Bench, Finding, Status, found_wrong

__all__ = ["look"]

_READS = {
    "/me": "",
    "/models": "",
    "/voices": "",
    "/agents": "omni:session",
    "/omni/calls": "omni:read",
    "/transcription/jobs": "transcribe:jobs",
}
"""Path -> the scope that it needs; reads that cost nothing."""
_SLOW = 2.0
_PATIENCE = 10.0
"""Seconds."""


async def look(bench: Bench) -> None:
    """Read from each."""
    for path, scope in _READS.items():
        check = f"GET /v1{path}"
        if not scope or bench.may(check, scope):
            bench.tell(await _read(bench, path, check))


async def _read(bench: Bench, path: str, check: str) -> Finding:
    began = time.perf_counter()
    try:
        reply = await bench.http.open("GET", path)  # once: another attempt would hide the first
        answer = await reply.answer(_PATIENCE)
        answer.json()
    except RequestError as error:
        if error.status == 404:
            return Finding(check, Status.SKIP, "not offered here")
        return found_wrong(check, error)
    except PyAIError as error:
        return found_wrong(check, error)
    took = time.perf_counter() - began
    if took > _SLOW:
        return Finding(check, Status.WARN, f"slow: {took:.1f} s", "Look at the network, then ask PyAI's status", took)
    return Finding(check, Status.PASS, f"{len(answer.body):,} bytes", "", took)
