"""What the application for Vapi adds to Speak's own first byte, with fifty calls at once; is every sample right?

    python -m benchmarks.vapi [--quick] [--json FILE]

Each call asks for a sentence of about three seconds, takes it as fast as it comes, waits until it would have been
played, and asks again; a fifth of the calls at each of Vapi's five rates. Straight from Speak, at the rate that the
application would ask for, and through the application, in turns of ten seconds, so that both see the same machine.
Speak, the application and the callers have a process each; the voice is the test engine, which takes no time, so that
Speak's own first byte is as early as can be. On a machine with other work the times say more of that work than of the
application, unless ``chrt -r 1`` stands before the command, as root; the processor time of a sentence hardly changes.
"""

from __future__ import annotations

import asyncio
import functools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from pyai_voice.audio import resample
from pyai_voice.provider import PYAI
from pyai_voice.testing import spoken

from .children import Child, child
from .report import Table, quantile, run
from .vapi_side import SECRET

__all__ = ["measure"]

CALLS = 50
TURNS, SECONDS = 6, 10.0
RATES = (8000, 16000, 22050, 24000, 44100)
_TEXTS = [f"Call {number}: your order will be ready in ten minutes. Goodbye." for number in range(5)]
_SPOKEN = 24000
"""Samples a second that the test engine makes."""


@dataclass
class Tally:
    """What the callers of one way have seen."""

    firsts: list[float] = field(default_factory=list[float])
    """Seconds to the first byte."""
    refused: int = 0
    """Answers that were none, such as a time-out on a machine that is too busy."""
    wrong: int = 0
    """Audio whose samples were not exactly right."""
    cpu: float = 0.0
    """Seconds of processor time of the process that they asked."""


Ask = Callable[[str, int], dict[str, Any]]
"""Returns what httpx sends for a text at a rate."""


def measure(quick: bool = False) -> list[Table]:
    """Ask both ways in turns."""
    turns = 1 if quick else TURNS
    direct, through = Tally(), Tally()
    with child("vapi speak", "benchmarks.vapi_side", "speak") as speak:
        url, key = speak.hello["url"], speak.hello["key"]
        with child("vapi app", "benchmarks.vapi_side", "app", url, key) as app:
            for _ in range(turns):
                asyncio.run(_calls(speak, _from_speak(url, key), _native, direct))
                asyncio.run(_calls(app, _from_app(app.hello["url"]), lambda rate: rate, through))
    rows = [_row("Speak", direct), _row("through the application", through)]
    added = [one - other for one, other in zip(rows[1][5:], rows[0][5:], strict=True)]
    heads = ("way", "sentences", "refused", "with a wrong sample", "CPU ms each", "first byte ms p50", "p90", "p99")
    title = f"Custom voice, {CALLS} calls at once for {turns * SECONDS:.0f} s"
    return [Table(title, heads, [*rows, ("added", None, None, None, rows[1][4], *added)])]


def _row(name: str, tally: Tally) -> tuple[Any, ...]:
    quantiles = [1000 * (quantile(tally.firsts, part) or 0.0) for part in (0.5, 0.9, 0.99)]
    cpu = 1000 * tally.cpu / len(tally.firsts)
    return name, len(tally.firsts), tally.refused, tally.wrong, cpu, *quantiles


def _native(rate: int) -> int:
    return PYAI.native_rate(rate)


def _from_speak(url: str, key: str) -> Ask:
    def ask(text: str, rate: int) -> dict[str, Any]:
        body = {"model": "pyai-speak", "input": text, "response_format": "pcm", "sample_rate": _native(rate)}
        return {"url": f"{url}/v1/audio/speech", "json": body, "headers": {"Authorization": f"Bearer {key}"}}

    return ask


def _from_app(url: str) -> Ask:
    def ask(text: str, rate: int) -> dict[str, Any]:
        call = {"id": "5fe26c8e-0000-4000-8000-00000000abcd", "messages": ["x" * 4000]}  # Vapi sends the call along
        body = {"message": {"type": "voice-request", "text": text, "sampleRate": rate, "call": call}}
        return {"url": f"{url}/voice", "json": body, "headers": {"X-Vapi-Secret": SECRET}}

    return ask


async def _calls(side: Child, ask: Ask, sent_rate: Callable[[int], int], tally: Tally) -> None:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=CALLS)
    kinds = [(RATES[number % len(RATES)], _TEXTS[number // len(RATES) % len(_TEXTS)]) for number in range(CALLS)]
    async with httpx.AsyncClient(trust_env=False, timeout=30, limits=limits) as http:
        await asyncio.gather(
            *(_ask(http, ask(text, rate)) for rate, text in kinds)
        )  # what is loaded late is loaded now
        before, until = side.ask()["cpu"], time.monotonic() + SECONDS
        async with asyncio.TaskGroup() as group:
            for rate, text in kinds:
                right = _samples(text, rate, sent_rate(rate))
                group.create_task(_call(http, ask(text, rate), right, sent_rate(rate), until, tally))
        tally.cpu += side.ask()["cpu"] - before


@functools.cache
def _samples(text: str, rate: int, sent: int) -> bytes:
    """Return what is to come: Speak's samples in its rate, and those in another made of them."""
    native = _native(rate)
    return resample(resample(spoken(text), _SPOKEN, native), native, sent)


async def _call(
    http: httpx.AsyncClient, asked: dict[str, Any], right: bytes, rate: int, until: float, tally: Tally
) -> None:
    lasts = len(right) / 2 / rate
    await asyncio.sleep(random.uniform(0, lasts))
    while (began := time.monotonic()) < until:
        status, first, audio = await _ask(http, asked)
        tally.firsts.append(first)
        tally.refused += status != 200
        tally.wrong += status == 200 and audio != right
        await asyncio.sleep(max(0.0, began + lasts - time.monotonic()))


async def _ask(http: httpx.AsyncClient, asked: dict[str, Any]) -> tuple[int, float, bytes]:
    """Return the status, the seconds to the first byte, and all of them."""
    began = time.monotonic()
    first, audio = 0.0, bytearray()
    async with http.stream("POST", **asked) as response:
        async for piece in response.aiter_raw():
            first = first or time.monotonic() - began
            audio += piece
    return response.status_code, first, bytes(audio)


if __name__ == "__main__":
    run("vapi", __doc__, measure)
