"""What do 200 openings and closings of each component leave behind?

    python -m benchmarks.cycles [--quick] [--json FILE]

In each cycle a component connects, does its work once (hears its first words, speaks three sentences) and is closed.
Forty cycles go before, so that what is loaded once is there.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from .children import Child, child
from .leaks import COMPONENTS, SECONDS
from .report import Table, run

__all__ = ["measure"]

WARM_UP = 40


def measure(quick: bool = False) -> list[Table]:
    """Open and close every component, two at a time."""
    cycles = 20 if quick else 200
    with ExitStack() as stack:
        urls = {
            "hear_url": stack.enter_context(child("hear server", "benchmarks.hear_server")).hello["base_url"],
            "speak_url": stack.enter_context(
                child("speak server", "benchmarks.speak_server", "0", str(SECONDS), "0")
            ).hello["base_url"],
        }
        children = [
            stack.enter_context(child(name, "benchmarks.leaks", component)) for name, component in COMPONENTS.items()
        ]
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(lambda one: _before_and_after(one, cycles, urls), children))
    heads = (
        "component",
        "tasks before",
        "after",
        "files and sockets before",
        "after",
        "MB before",
        "after",
        "kB a cycle",
    )
    rows = [(name, *_row(*pair, cycles)) for name, pair in zip(COMPONENTS, found, strict=True)]
    return [Table(f"{cycles} openings and closings", heads, rows)]


def _before_and_after(one: Child, cycles: int, urls: dict[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    return one.ask(cycles=WARM_UP, **urls), one.ask(cycles=cycles, **urls)


def _row(before: dict[str, Any], after: dict[str, Any], cycles: int) -> tuple[int | float, ...]:
    growth = (after["memory"] - before["memory"]) / 1e3 / cycles
    counts = [moment[what] for what in ("tasks", "files") for moment in (before, after)]
    return (*counts, before["memory"] / 1e6, after["memory"] / 1e6, round(growth, 1))


if __name__ == "__main__":
    run("cycles", __doc__, measure)
