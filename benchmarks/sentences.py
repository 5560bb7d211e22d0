"""Is there a hole between two sentences, beside the official packages?

    python -m benchmarks.sentences [--quick] [--json FILE]

Three sentences of an answer, a Speak whose first byte takes 0.4 s, and an ear that hears at the speed of sound. LiveKit
plays through an AgentSession, Pipecat through an output transport. Every number is a median of rounds.
"""

from __future__ import annotations

import statistics
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from .children import Child, child
from .parties import Party, pythons
from .report import Table, run

__all__ = ["measure"]

FIRST_BYTE = 0.4
PARTIES = (
    Party("Pipecat, ours", "pipecat"),
    Party("Pipecat, official", "pipecat", official=True),
    Party("LiveKit, ours", "livekit"),
    Party("LiveKit, official", "livekit", official=True),
)


@dataclass(frozen=True)
class Scene:
    """What the server does."""

    name: str
    seconds: float
    """How long a sentence lasts."""
    factor: float
    """How long its audio takes to come, as a part of that."""


SCENES = (  # whole chunks of Pipecat's output transport (40 ms): it holds a part of one back
    Scene("sentences of 1.6 s, sent in real time", 1.6, 1.0),
    Scene("of 0.4 s, sent in 0.12 s", 0.4, 0.3),
)


def measure(quick: bool = False) -> list[Table]:
    """Let every implementation speak, all at the same time: they mostly wait."""
    rows = list[tuple[str | int, ...]]()
    with ExitStack() as stack:
        children = dict[Party, Child]()
        for party, python in pythons(PARTIES):
            speaking = child(f"speaking {party.name}", "benchmarks.speaking", party.module, python=python)
            children[party] = stack.enter_context(speaking)
        for number, scene in enumerate(SCENES):
            arguments = map(str, (FIRST_BYTE, scene.seconds, scene.factor))
            server = stack.enter_context(child(f"speak server {number}", "benchmarks.speak_server", *arguments))
            for party, answers in _rounds(children, server.hello["base_url"], scene, 1 if quick else 5).items():
                rows.append((scene.name, party.name, *_summary(answers)))
    heads = ("Speak's audio", "implementation", "first sound", "hole after one", "hole after two", "holes inside")
    return [Table(f"Three sentences, first byte after {1000 * FIRST_BYTE:.0f} ms; all in ms", heads, rows)]


def _rounds(children: dict[Party, Child], base_url: str, scene: Scene, count: int) -> dict[Party, list[dict[str, Any]]]:
    def ask(one: Child) -> list[dict[str, Any]]:
        one.ask(base_url=base_url, seconds=scene.seconds)  # what is loaded late is loaded now
        return [one.ask(base_url=base_url, seconds=scene.seconds) for _ in range(count)]

    with ThreadPoolExecutor(len(children)) as pool:
        return dict(zip(children, pool.map(ask, children.values()), strict=True))


def _summary(answers: list[dict[str, Any]]) -> list[int]:
    numbers = [(answer["first"], *answer["holes"], answer["inside"]) for answer in answers]
    return [round(1000 * statistics.median(column)) for column in zip(*numbers, strict=True)]


if __name__ == "__main__":
    run("sentences", __doc__, measure)
