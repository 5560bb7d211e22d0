"""What one more Hear stream costs, beside the official packages and a bare ``websockets`` loop.

    python -m benchmarks.cost [--quick] [--json FILE]

Every implementation has a process of its own and speaks with the same server: 20 ms at a time, in real time; two
seconds of speech, half a second of silence, a commit, again. The rounds of all implementations alternate, because
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
    Party("websockets alone", "bare"),
    Party("HearStream alone", "core"),
    Party("Pipecat, ours", "pipecat"),
    Party("Pipecat, official", "pipecat", official=True),
    Party("LiveKit, ours", "livekit"),
    Party("LiveKit, official", "livekit", official=True),
)


@dataclass(frozen=True)
class Plan:
    """How many streams, how often, how long."""

    streams: int
    rounds: int
    seconds: float


FULL = (Plan(1, 3, 5.0), Plan(20, 4, 5.0), Plan(100, 2, 5.0))
QUICK = (Plan(1, 1, 1.5), Plan(20, 1, 1.5))


def measure(quick: bool = False) -> list[Table]:
    """Measure every implementation, round after round."""
    with _running() as (base_url, children):
        answers = {(plan, party): list[dict[str, Any]]() for plan in (QUICK if quick else FULL) for party in children}
        for plan in QUICK if quick else FULL:
            for round_ in range(plan.rounds):
                for party in list(children)[:: -1 if round_ % 2 else 1]:
                    answer = children[party].ask(base_url=base_url, streams=plan.streams, seconds=plan.seconds)
                    answers[plan, party].append(answer)
                    _note(plan, party, answer)
    return [_costs(answers), _ratios(answers)]


@contextmanager
def _running() -> Generator[tuple[str, dict[Party, Child]]]:
    """Start the server and a process for each implementation; give its address and those that can be had."""
    with ExitStack() as stack:
        base_url = stack.enter_context(child("hear server", "benchmarks.hear_server")).hello["base_url"]
        children = dict[Party, Child]()
        for party, python in pythons(PARTIES):
            children[party] = stack.enter_context(child(party.name, "benchmarks.load", party.module, python=python))
            children[party].ask(base_url=base_url, streams=1, seconds=0.5)  # what is loaded late is loaded now
        yield base_url, children


def _note(plan: Plan, party: Party, answer: dict[str, Any]) -> None:
    share = 100 * answer["cpu"] / answer["wall"] / plan.streams
    print(f"{plan.streams} streams, {party.name}: {share:.2f} % of a core each", file=sys.stderr, flush=True)
    if answer["failures"]:
        raise RuntimeError(f"{party.name}: {answer['failures'][0]}")


def cpu_per_hour(answer: dict[str, Any], streams: int) -> float:
    """Return the seconds of CPU for an hour of audio that has come to the server."""
    return 3600 * answer["cpu"] / (answer["wall"] * streams * min(1.0, answer["pace"]))


def _costs(answers: dict[tuple[Plan, Party], Answers]) -> Table:
    heads = ("streams", "implementation", "CPU s per hour of audio", "% of a core per stream", "MB per stream")
    times = ("event ms p50", "p99", "first partial ms p50", "p99", "audio kept, %")
    rows = [
        (plan.streams, party.name, *_cost(plan, rounds, _memory(answers, plan, party)))
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
        medians(100 * min(1.0, answer["pace"]) for answer in rounds),
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


def _ratios(answers: dict[tuple[Plan, Party], Answers]) -> Table:
    rows = [
        (plan.streams, framework, *_ratio(plan, answers[plan, ours], answers[plan, theirs]))
        for plan in dict.fromkeys(plan for plan, _ in answers)
        for framework, ours, theirs in _pairs([party for one, party in answers if one is plan])
    ]
    heads = ("streams", "framework", "CPU", "event p50", "event p99", "first partial later by, ms")
    return Table("Ours divided by official", heads, rows)


def _pairs(parties: list[Party]) -> list[tuple[str, Party, Party]]:
    return [
        (ours.name.partition(",")[0], ours, theirs)
        for ours in parties
        for theirs in parties
        if theirs.official and not ours.official and ours.module == theirs.module
    ]


def _ratio(plan: Plan, ours: Answers, theirs: Answers) -> tuple[float | None, ...]:
    pairs = list(zip(ours, theirs, strict=True))

    def times(what: str, part: float) -> list[tuple[float, float]]:
        both = [(quantile(one[what], part), quantile(other[what], part)) for one, other in pairs]
        return [(one, other) for one, other in both if one is not None and other is not None]

    return (
        medians(cpu_per_hour(one, plan.streams) / cpu_per_hour(other, plan.streams) for one, other in pairs),
        medians(one / other for one, other in times("latencies", 0.5)),
        medians(one / other for one, other in times("latencies", 0.99)),
        medians(1000 * (one - other) for one, other in times("first_partials", 0.5)),
    )


if __name__ == "__main__":
    run("cost", __doc__, measure)
