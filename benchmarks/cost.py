"""What one more Hear stream costs, beside the official packages and a bare ``websockets`` loop.

    python -m benchmarks.cost [--quick] [--json FILE]

Every implementation has a process of its own and speaks with the same server: 20 ms at a time, in real time; two
seconds of speech, a commit, two or 0.6 seconds of silence, again. The rounds of all implementations alternate, because
the machine has other work as well: every number is a median of rounds, every ratio a median of the rounds' ratios.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from .children import Child, child
from .parties import Party, pythons
from .report import Table, medians, quantile, run

__all__ = ["measure"]

Answers = list[dict[str, Any]]
"""One for each round."""


PARTIES = (
    Party("callers alone", "nobody"),
    Party("websockets alone", "bare"),
    Party("HearStream alone", "core"),
    Party("Pipecat alone", "pipecat_alone"),
    Party("Pipecat, ours", "pipecat"),
    Party("Pipecat, official", "pipecat", official=True),
    Party("LiveKit, ours", "livekit"),
    Party("LiveKit, official", "livekit", official=True),
)


@dataclass(frozen=True)
class Plan:
    """How many streams, how often, how long, and for how many seconds callers pause."""

    streams: int
    rounds: int
    seconds: float
    pause: float = 2.0


FULL = (Plan(1, 2, 4.0), Plan(20, 3, 4.0), Plan(20, 3, 4.0, pause=0.6), Plan(100, 2, 3.0))
QUICK = (Plan(1, 1, 1.5), Plan(20, 1, 1.5))


def measure(quick: bool = False) -> list[Table]:
    """Measure every implementation, round after round."""
    with _running() as (base_url, children):
        answers = {(plan, party): list[dict[str, Any]]() for plan in (QUICK if quick else FULL) for party in children}
        for plan in QUICK if quick else FULL:
            for round_ in range(plan.rounds):
                for party in list(children)[:: -1 if round_ % 2 else 1]:
                    answer = _ask(children[party], base_url, plan)
                    answers[plan, party].append(answer)
                    _note(plan, party, answer)
    return [_costs(answers), *_comparison(answers)]


@contextmanager
def _running() -> Generator[tuple[str, dict[Party, Child]]]:
    """Start the server and a process for each implementation; give its address and those that can be had."""
    with ExitStack() as stack:
        base_url = stack.enter_context(child("hear server", "benchmarks.hear_server")).hello["base_url"]
        children = dict[Party, Child]()
        for party, python in pythons(PARTIES):
            children[party] = stack.enter_context(child(party.name, "benchmarks.load", party.module, python=python))
            _ask(children[party], base_url, Plan(1, 1, 0.5))  # what is loaded late is loaded now
        yield base_url, children


def _ask(who: Child, base_url: str, plan: Plan) -> dict[str, Any]:
    return who.ask(base_url=base_url, streams=plan.streams, seconds=plan.seconds, pause=plan.pause)


def _note(plan: Plan, party: Party, answer: dict[str, Any]) -> None:
    share = 100 * answer["cpu"] / answer["wall"] / plan.streams
    print(f"{plan.streams} streams, {party.name}: {share:.2f} % of a core each", file=sys.stderr, flush=True)
    if answer["failures"]:
        raise RuntimeError(f"{party.name}: {answer['failures'][0]}")


def cpu_per_hour(answer: dict[str, Any], streams: int) -> float:
    """Return the seconds of CPU for an hour of audio that has come to the server."""
    return 3600 * answer["cpu"] / (answer["wall"] * streams * (_kept(answer) or 1.0))


def _kept(answer: dict[str, Any]) -> float | None:
    """Return the part of real time that the audio kept; a few percent are the coarseness of its measurement."""
    return 1.0 if (answer["pace"] or 0.0) > 0.95 else answer["pace"]


def _costs(answers: dict[tuple[Plan, Party], Answers]) -> Table:
    heads = (
        "streams",
        "pause s",
        "implementation",
        "CPU s per hour of audio",
        "% of a core per stream",
        "MB per stream",
    )
    times = ("event ms p50", "p99", "first partial ms p50", "p99", "audio kept, %")
    rows = [
        (plan.streams, plan.pause, party.name, *_cost(plan, rounds, _memory(answers, plan, party)))
        for (plan, party), rounds in answers.items()
    ]
    return Table("Cost of a Hear stream", (*heads, *times), rows)


def _cost(plan: Plan, rounds: Answers, memory: float | None) -> tuple[float | None, ...]:
    return (
        medians(cpu_per_hour(answer, plan.streams) for answer in rounds),
        medians(100 * answer["cpu"] / answer["wall"] / plan.streams for answer in rounds),
        memory,
        *(_milliseconds(rounds, "latencies", part) for part in (0.5, 0.99)),
        *(_milliseconds(rounds, "first_partials", part) for part in (0.5, 0.99)),
        medians(None if (kept := _kept(answer)) is None else 100 * kept for answer in rounds),
    )


def _milliseconds(rounds: Answers, what: str, part: float) -> float | None:
    found = medians(quantile(answer[what], part) for answer in rounds)
    return None if found is None else 1000 * found


def _memory(answers: dict[tuple[Plan, Party], Answers], plan: Plan, party: Party) -> float | None:
    """Return what one more stream took, since the plan with fewer streams."""
    fewer = [other for other, who in answers if who is party and other.streams < plan.streams]
    if not fewer:
        return None
    low, high = (max(answer["memory"] for answer in answers[one, party]) for one in (fewer[-1], plan))
    return (high - low) / 1e6 / (plan.streams - fewer[-1].streams)


def _comparison(answers: dict[tuple[Plan, Party], Answers]) -> list[Table]:
    ratios, delays = list[tuple[Any, ...]](), list[tuple[Any, ...]]()
    for plan in dict.fromkeys(plan for plan, _ in answers):
        named = {party.name: rounds for (one, party), rounds in answers.items() if one is plan}
        for framework in ("Pipecat", "LiveKit"):
            if f"{framework}, official" in named:
                ratios.append((plan.streams, plan.pause, framework, *_ratios(named, plan.streams, framework)))
                delays.append((plan.streams, plan.pause, framework, *_delays(named, framework)))
    heads = ("streams", "pause s", "framework")
    return [
        Table("CPU, ours divided by official", (*heads, "all", "without the callers'", "and Pipecat's"), ratios),
        Table("Later than official by, ms", (*heads, "event p50", "event p99", "first partial p50"), delays),
    ]


def _ratios(named: dict[str, Answers], streams: int, framework: str) -> list[float | None]:
    """Return medians of the rounds' ratios of CPU: of all of it, and of what is left without others' parts of it."""
    cpu = {name: [cpu_per_hour(answer, streams) for answer in rounds] for name, rounds in named.items()}
    ours, theirs = cpu[f"{framework}, ours"], cpu[f"{framework}, official"]
    others = ([0.0] * len(ours), cpu["callers alone"], cpu.get(f"{framework} alone"))
    return [
        medians((one - part) / (other - part) for one, other, part in zip(ours, theirs, parts, strict=True))
        if parts
        else None
        for parts in others
    ]


def _delays(named: dict[str, Answers], framework: str) -> list[float | None]:
    both = (named[f"{framework}, ours"], named[f"{framework}, official"])
    asked = (("latencies", 0.5), ("latencies", 0.99), ("first_partials", 0.5))
    pairs = [[_milliseconds(rounds, *what) for rounds in both] for what in asked]
    return [None if one is None or other is None else one - other for one, other in pairs]


if __name__ == "__main__":
    run("cost", __doc__, measure)
