"""The one dial: how much evidence is enough. 0 waits until it is sure, 1 decides as soon as it can."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEFAULT", "LONGEST", "Dial", "dial"]

DEFAULT = 0.5
LONGEST = 15.0
"""Seconds of audio after which there is always a decision."""


@dataclass(frozen=True, slots=True)
class Dial:
    """Thresholds, in seconds but for ``phrases``."""

    phrases: float
    """Weight of a machine's phrases that decides."""
    after_greeting: float
    """Silence after a short greeting (or no word understood) that shows a person."""
    after_words: float
    """The same after other words that no machine says."""
    after_introduction: float
    """The same after a name, which people and voicemails give alike."""
    monologue: float
    """Speech without a pause for an answer that shows a machine, whatever it says."""
    music: float
    """Music that shows itself."""
    silence: float
    """Silence from the beginning that is decided as such."""


_SURE = Dial(2.5, 1.1, 1.6, 2.2, 9.0, 6.0, 9.0)
_SOON = Dial(1.0, 0.45, 0.7, 0.8, 3.5, 2.0, 3.5)


def dial(aggressiveness: float) -> Dial:
    """Return the thresholds between the two ends."""
    part = min(1.0, max(0.0, aggressiveness))
    ends = ((getattr(_SURE, name), getattr(_SOON, name)) for name in Dial.__slots__)
    return Dial(*(sure + part * (soon - sure) for sure, soon in ends))
