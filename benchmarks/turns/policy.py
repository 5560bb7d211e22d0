"""What a detector's scores are worth: every policy on one half of the clips, the best ones again on the other half.

Definitions as in LiveKit's eot-bench:

* policy: a turn is over at the first moment of silence, from ``delay`` on, at which the score reaches ``threshold``,
  and at ``timeout`` at the latest;
* false cut-offs: the share of pauses at whose end the turn was already over;
* latency: the mean silence at the ends of turns until the turn is over. It is waiting, not computing;
* at a budget: the best value of one that a policy reaches while the other stays within the budget.

Other than there, the policy is chosen on one half of the clips and its numbers are those of the other half.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import mean

from .asked import MOMENTS
from .clips import Clip

__all__ = ["BUDGETS", "Outcome", "Policy", "Scores", "at_budgets", "judged", "silence"]

Scores = Mapping[str, Sequence[float]]
"""Of each clip, by its name: how likely the turn is over, at each of ``MOMENTS``."""

_THRESHOLDS, _NEVER = 60, 2.0
_TIMEOUTS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.2, 1.4, 1.6, 2.0, 2.5, 3.0, 4.0)


@dataclass(frozen=True)
class Outcome:
    """What callers get."""

    cut_offs: float
    """Share of the pauses that were taken for the end."""
    latency: float
    """Mean seconds of silence at the end of a turn."""


@dataclass(frozen=True)
class Policy:
    """When a turn is over, by scores and silence (seconds)."""

    threshold: float
    delay: float
    timeout: float

    def over_at(self, scores: Sequence[float]) -> float:
        """Return after how much silence the turn is over."""
        asked = zip(MOMENTS, scores, strict=True)
        sure = (at for at, score in asked if at >= self.delay and score >= self.threshold)
        return min(self.timeout, next(sure, self.timeout))


BUDGETS: Mapping[str, Callable[[Outcome], tuple[bool, float]]] = {
    "cut-offs at 300 ms": lambda got: (got.latency <= 0.3, got.cut_offs),
    "cut-offs at 600 ms": lambda got: (got.latency <= 0.6, got.cut_offs),
    "latency at 5 %": lambda got: (got.cut_offs <= 0.05, got.latency),
    "latency at 10 %": lambda got: (got.cut_offs <= 0.1, got.latency),
}
"""Whether an outcome is within the budget, and what is to be small then."""


def silence(clips: Iterable[Clip]) -> Scores:
    """Return the scores of somebody who only waits."""
    return {clip.name: [0.0] * len(MOMENTS) for clip in clips}


def judged(clips: Sequence[Clip], over_at: Callable[[str], float]) -> Outcome:
    """Return what comes of it when the turn of each clip (by its name) is over after so much silence."""
    cut = [over_at(clip.name) < clip.pause for clip in clips if clip.pause is not None]
    return Outcome(mean(cut), mean(over_at(clip.name) for clip in clips if clip.pause is None))


def at_budgets(clips: Sequence[Clip], scores: Scores) -> dict[str, Outcome | None]:
    """Return the outcome at each budget; None where no policy keeps within it."""
    chosen, reported = ([clip for clip in clips if clip.chosen is half] for half in (True, False))
    tried = {policy: _outcome(chosen, scores, policy) for policy in _policies(scores)}
    found = dict[str, Outcome | None]()
    for name, budget in BUDGETS.items():
        within = [
            (budget(got)[1], got.latency + got.cut_offs, policy) for policy, got in tried.items() if budget(got)[0]
        ]
        best = min(within, key=lambda each: each[:2])[2] if within else None
        found[name] = None if best is None else _outcome(reported, scores, best)
    return found


def _outcome(clips: Sequence[Clip], scores: Scores, policy: Policy) -> Outcome:
    return judged(clips, lambda name: policy.over_at(scores[name]))


def _policies(scores: Scores) -> Iterable[Policy]:
    values = sorted({score for each in scores.values() for score in each})
    step = max(1, len(values) // _THRESHOLDS)
    thresholds = [*values[::step], _NEVER]
    return (Policy(*each) for each in product(thresholds, MOMENTS, _TIMEOUTS) if each[1] <= each[2])
