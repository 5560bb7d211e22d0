"""Session options for turns that PyAI decides."""

from __future__ import annotations

from typing import Any

from livekit.agents import TurnHandlingOptions

__all__ = ["turn_handling"]


def turn_handling(**overrides: Any) -> TurnHandlingOptions:
    """Return ``turn_handling=`` for an AgentSession whose turns end when Hear says so; a plain dict.

    ``min_delay`` is 0.0 because Hear has already waited for silence (``endpointing_ms``). An override replaces one
    entry; a dict is merged, so ``endpointing={"max_delay": 5.0}`` keeps the rest.
    """
    options: dict[str, Any] = {
        "turn_detection": "stt",
        "endpointing": {"mode": "fixed", "min_delay": 0.0, "max_delay": 3.0},
        "interruption": {"mode": "vad", "min_words": 1},
        "preemptive_generation": {"enabled": True},
    }
    for name, value in overrides.items():
        options[name] = {**options.get(name, {}), **value} if isinstance(value, dict) else value
    return TurnHandlingOptions(**options)
