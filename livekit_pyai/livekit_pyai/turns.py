"""Session options for each way of ending turns."""

from __future__ import annotations

from typing import Any

from livekit.agents import TurnHandlingOptions

from pyai_voice.errors import ConfigurationError
from pyai_voice.options import TurnAuthority

from .stt import STT, the_stt

__all__ = ["turn_handling"]

_OPTIONS: dict[TurnAuthority, dict[str, Any]] = {
    "cue": {
        "turn_detection": "stt",
        "endpointing": {"mode": "fixed", "min_delay": 0.0, "max_delay": 3.0},
        "interruption": {"mode": "vad", "min_words": 1},
    },
    "framework": {},
    "client": {"turn_detection": "manual"},
}


def turn_handling(stt: STT | None = None, **overrides: Any) -> TurnHandlingOptions:
    """Return ``turn_handling=`` for an AgentSession, for the authority that the STT's ``turns`` names; a plain dict.

    ``cue`` (also without an STT): turns end when Hear says so; ``min_delay`` is 0.0 because Hear has already waited for
    silence (``endpointing_ms``). ``framework``: LiveKit's VAD and turn detector, as it has them. ``client``: the
    program calls ``session.commit_user_turn()``. An override replaces one entry; a dict is merged, so
    ``endpointing={"max_delay": 5.0}`` keeps the rest. Raises ConfigurationError (a ValueError) for an entry that
    LiveKit does not have, and for an adapter in the place of the STT.
    """
    authority = "cue" if stt is None else the_stt(stt).turns.authority
    options: dict[str, Any] = {**_OPTIONS[authority], "preemptive_generation": {"enabled": True}}
    for name, value in overrides.items():
        _check(name, value)
        options[name] = {**options.get(name, {}), **value} if isinstance(value, dict) else value
    return TurnHandlingOptions(**options)


def _check(name: str, value: object) -> None:
    """LiveKit itself would leave a wrong name out without a word."""
    known = TurnHandlingOptions.__annotations__
    if name not in known:
        raise ConfigurationError(
            f"{name}: no entry of turn_handling", code="invalid_option", hint=f"Use one of {', '.join(sorted(known))}"
        )
    if isinstance(value, bool):
        raise ConfigurationError(
            f"{name}: expected a dict", code="invalid_option", hint=f'Write {name}={{"enabled": {value}}}'
        )
