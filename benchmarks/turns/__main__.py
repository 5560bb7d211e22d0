"""Who ends a turn rightly and soon? Silence alone, Smart Turn, LiveKit's detector and ours, on the same clips.

    python -m benchmarks.turns [--quick] [--json FILE]

The definitions are in :mod:`.policy`, the clips in :mod:`.clips` (made at the first run, kept in the build folder).
Each detector is asked in a process of its own. Takes about a quarter of an hour on two cores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from ..children import child
from ..report import Table, run
from .asked import LINES
from .clips import Clip, kept_clips
from .policy import BUDGETS, Outcome, Policy, Scores, at_budgets, judged, silence

_SILENCES = (0.3, 0.6, 1.0, 1.6)
_PIPECAT = Policy(threshold=0.5, delay=0.2, timeout=3.0)
_LIVEKIT = Policy(threshold=0.36, delay=0.3, timeout=2.5)
"""Their defaults: asked once, when the voice detector has been silent for ``delay``."""


def measure(quick: bool = False) -> list[Table]:
    """Ask everybody about every clip, on both lines."""
    clips = kept_clips()[:: 12 if quick else 1]
    return [table for line in LINES for table in _tables(clips, line, _ask(clips, line))]


def _ask(clips: Sequence[Clip], line: str) -> dict[str, dict[str, Any]]:
    answers = dict[str, dict[str, Any]]()
    for name in ("pipecat", "livekit", "ours"):
        with child(f"turns {name} {line}", f"benchmarks.turns.{name}") as one:
            answers[name] = one.ask(clips=[asdict(clip) for clip in clips], line=line)
    return answers


def _tables(clips: Sequence[Clip], line: str, answers: dict[str, dict[str, Any]]) -> list[Table]:
    reported = [clip for clip in clips if not clip.chosen]
    pauses = sum(clip.pause is not None for clip in reported)
    where = f"{LINES[line]}; {pauses} pauses, {len(reported) - pauses} ends"
    return [
        Table(
            f"At a budget ({where})",
            ("detector", *BUDGETS),
            [
                (name, *map(_both, at_budgets(clips, scores).values()))
                for name, scores in _scores(clips, answers).items()
            ],
        ),
        Table(
            f"As delivered ({where})",
            ("detector", "cut-offs %", "of people %", "latency ms", "computing ms"),
            [_delivered(name, reported, over_at, ms) for name, over_at, ms in _defaults(answers)],
        ),
    ]


def _scores(clips: Sequence[Clip], answers: dict[str, dict[str, Any]]) -> dict[str, Scores]:
    found, count = answers["ours"]["found"], len(next(iter(answers["pipecat"]["scores"].values())))
    return {
        "silence alone": silence(clips),
        "Smart Turn v3.2 (Pipecat)": answers["pipecat"]["scores"],
        "LiveKit v1-mini": answers["livekit"]["scores"],
        "ours, words": {name: [one["words"]] * count for name, one in found.items()},
        "ours, words and Smart Turn": {name: [one["both"]] * count for name, one in found.items()},
    }


def _defaults(answers: dict[str, dict[str, Any]]) -> list[tuple[str, Callable[[str], float], float | None]]:
    pipecat, livekit, found = answers["pipecat"]["scores"], answers["livekit"]["scores"], answers["ours"]["found"]
    waiting = [(f"silence of {1000 * seconds:.0f} ms", _always(seconds), None) for seconds in _SILENCES]
    return [
        *waiting,
        ("Pipecat's defaults", lambda name: _once(_PIPECAT, pipecat[name][0]), answers["pipecat"]["ms"]),
        ("LiveKit's defaults", lambda name: _once(_LIVEKIT, livekit[name][1]), answers["livekit"]["ms"]),
        ("ours, words", lambda name: found[name]["words ended"], None),
        ("ours, words and Smart Turn", lambda name: found[name]["both ended"], answers["ours"]["ms"]),
    ]


def _always(seconds: float) -> Callable[[str], float]:
    return lambda _: seconds


def _once(policy: Policy, score: float) -> float:
    return policy.delay if score >= policy.threshold else policy.timeout


def _delivered(
    name: str, clips: Sequence[Clip], over_at: Callable[[str], float], ms: float | None
) -> tuple[str | float | None, ...]:
    got = judged(clips, over_at)
    people = judged([clip for clip in clips if clip.kind.startswith("person")], over_at)
    return name, 100 * got.cut_offs, 100 * people.cut_offs, 1000 * got.latency, ms


def _both(got: Outcome | None) -> str | None:
    return None if got is None else f"{100 * got.cut_offs:.0f} %, {1000 * got.latency:.0f} ms"


if __name__ == "__main__":
    run("turns", __doc__, measure)
