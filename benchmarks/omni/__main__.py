"""Does an Omni session keep its pace and its memory for an hour? Do twenty at once?

    python -m benchmarks.omni [--quick] [--json FILE]

The callers speak and are silent by turns; the service, a process of its own, notes when each 20 ms of their audio
comes. It also notes how late the machine wakes it, since a gap is not always the client's.
"""

from __future__ import annotations

from ..children import child
from ..report import Table, run

_HEADS = (
    "sessions",
    "minutes",
    "slots",
    "missing",
    "longest gap ms",
    "gaps over 100 ms",
    "bursts",
    "service late by, ms",
    "replies",
    "ended",
    "interrupted",
    "tools answered",
    "stray audio",
    "MB after a tenth",
    "at the end",
    "tasks left",
    "% of a core each",
)


def measure(quick: bool = False) -> list[Table]:
    """Run one long session, and twenty."""
    plans = ((1, 20.0), (20, 10.0)) if quick else ((20, 120.0), (1, 3600.0))
    return [Table("Omni sessions", _HEADS, [_row(sessions, seconds) for sessions, seconds in plans])]


def _row(sessions: int, seconds: float) -> tuple[float | int, ...]:
    with child("omni service", "benchmarks.omni.service") as service:
        with child("omni sessions", "benchmarks.omni.sessions") as callers:
            told = callers.ask(base_url=service.hello["base_url"], sessions=sessions, seconds=seconds)
        saw = service.ask()
    seen, memory = saw["seen"], told["memory"]
    assert len(seen) == sessions, "a session was dialled again"
    return (
        sessions,
        seconds / 60,
        sum(one["slots"] for one in seen),
        max(one["missing"] for one in seen),
        1000 * max(one["longest"] for one in seen),
        sum(one["gaps"] for one in seen),
        sum(one["bursts"] for one in seen),
        1000 * saw["late"],
        int(told["replies"]),
        int(told["ended"]),
        int(told["interrupted"]),
        sum(one["tools"] for one in seen),
        int(told["ghosts"]),
        memory[len(memory) // 10],
        memory[-1],
        told["tasks"],
        100 * told["cpu"],
    )


if __name__ == "__main__":
    run("omni", __doc__, measure)
