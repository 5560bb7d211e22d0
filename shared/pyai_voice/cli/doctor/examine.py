"""All checks, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from ...client import Client
from ...errors import PyAIError
from ...exchange import Timeouts
from ...http import HttpClient
from ..service import endpoint
from . import account, endpoints, headroom, hear, network, omni, speak
from .finding import Bench, Finding, Look, Status, found_wrong
from .installed import installed, proxies

__all__ = ["examine"]


@dataclass(frozen=True, slots=True)
class _Check:
    name: str
    look: Look
    seconds: float
    """How long it may take altogether."""
    vital: bool = False
    """Whether nothing else can be tried when it fails."""
    quick: bool = True
    """Whether it costs next to nothing."""


_CHECKS = (
    _Check("service", network.look, 30.0, vital=True),
    _Check("account", account.look, 15.0),
    _Check("endpoints", endpoints.look, 60.0),
    _Check("Speak", speak.look, 60.0, quick=False),
    _Check("Hear", hear.look, 60.0, quick=False),
    _Check("Omni", omni.look, 20.0, quick=False),
    _Check("streams at once", headroom.look, 20.0, quick=False),
)


_PATIENCE = 10.0
"""Seconds for the first byte of an answer."""
_WINDOW = 5.0
"""Seconds for the account, further attempts included."""


async def examine(
    base_url: str | None, quick: bool, began: Callable[[str], None], tell: Callable[[Finding], None]
) -> None:
    """Run the checks; ``began`` gets the name of each, ``tell`` what it finds. Raises nothing that a check may meet."""
    for finding in (*installed(), proxies()):
        tell(finding)
    try:
        where = endpoint(base_url)
    except PyAIError as error:
        tell(found_wrong("key and address", error))
        return
    tell(Finding("key and address", Status.PASS, "are set, and look like ones"))
    patience = Timeouts(first_byte=_PATIENCE)
    http = HttpClient(where, patience)
    async with Client(where, timeouts=patience, retry_window=_WINDOW) as client:
        try:
            await _run(Bench(where, client, http, tell), quick, began)
        finally:
            await http.aclose()


async def _run(bench: Bench, quick: bool, began: Callable[[str], None]) -> None:
    broken = ""
    for check in _CHECKS:
        if broken or (quick and not check.quick):
            bench.tell(Finding(check.name, Status.SKIP, f"not tried: {broken or 'it takes longer'}"))
            continue
        began(check.name)
        if not await _passed(check, bench) and check.vital:
            broken = "see above"


async def _passed(check: _Check, bench: Bench) -> bool:
    """Run one check; return whether nothing failed."""
    before = bench.failures
    try:
        async with asyncio.timeout(check.seconds):
            await check.look(bench)
    except PyAIError as error:
        bench.tell(found_wrong(check.name, error))
    except TimeoutError:
        bench.tell(
            Finding(check.name, Status.FAIL, f"not done within {check.seconds:g} s", "Try again; see the lines above")
        )
    return bench.failures == before
