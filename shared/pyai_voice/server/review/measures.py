"""The numbers of a call: who spoke for how long, how often, how soon. Pure; times in seconds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import pairwise

from pydantic import BaseModel

from ..state.calls import Spoken, ToolUse

__all__ = ["Measures", "measure"]


class Measures(BaseModel):
    """Numbers of one call."""

    duration_s: float
    agent_talk_s: float
    caller_talk_s: float
    talk_ratio: float | None
    """The agent's part of all speech, 0 to 1; null when nobody spoke."""
    agent_turns: int
    caller_turns: int
    interruptions: int
    """How often the caller spoke over the agent."""
    longest_agent_turn_s: float
    tool_calls: int
    tool_failures: int
    response_median_ms: int | None
    """From the end of the caller's words to the agent's first; null when the agent never answered."""
    response_p95_ms: int | None


def measure(entries: Sequence[Spoken | ToolUse], duration: float) -> Measures:
    """Return the numbers of a call that took ``duration`` seconds."""
    said = sorted((each for each in entries if isinstance(each, Spoken)), key=lambda each: each.start)
    tools = [each for each in entries if isinstance(each, ToolUse)]
    agent = [max(0.0, each.end - each.start) for each in said if each.role == "agent"]
    caller = [max(0.0, each.end - each.start) for each in said if each.role == "caller"]
    talk = sum(agent) + sum(caller)
    waits = sorted(_waits(said))
    return Measures(
        duration_s=round(duration, 3),
        agent_talk_s=round(sum(agent), 3),
        caller_talk_s=round(sum(caller), 3),
        talk_ratio=round(sum(agent) / talk, 4) if talk else None,
        agent_turns=len(agent),
        caller_turns=len(caller),
        interruptions=sum(each.interrupted for each in said),
        longest_agent_turn_s=round(max(agent, default=0.0), 3),
        tool_calls=len(tools),
        tool_failures=sum(each.error != "" for each in tools),
        response_median_ms=round(1000 * statistics.median(waits)) if waits else None,
        response_p95_ms=round(1000 * waits[-(-95 * len(waits) // 100) - 1]) if waits else None,
    )


def _waits(said: Sequence[Spoken]) -> list[float]:
    turns = pairwise(said)
    return [max(0.0, after.start - before.end) for before, after in turns if (before.role, after.role) == _ANSWER]


_ANSWER = ("caller", "agent")
