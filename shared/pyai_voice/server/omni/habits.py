"""How an Omni conversation behaves, where the framings differ."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Habits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """The defaults are those of PyAI's own wire."""

    finds_turns: bool = True
    """The end of the caller's turn is found; False: only ``commit`` ends one, and nothing interrupts the agent."""
    answers: bool = True
    """The agent answers by itself when the caller's turn is over; False: only ``respond`` makes it, and what the caller
    interrupts is not taken up again."""
    interruptible: bool = True
    """The agent stops when the caller speaks."""
    continues: bool = True
    """The agent goes on by itself once the results of all its tools are there; False: only ``respond`` makes it."""
    controls: bool = True
    """Tools with the names of call control (``end_call`` ...) are requests to the transport; False: plain tools."""
    speaks: bool = True
    """False: replies are words without audio."""
    speed: float = 1.0
    """Of speech; the engine may have narrower bounds."""
    endpointing: float | None = None
    """The least seconds of silence that end a turn; None: as short as the judgement allows."""
    eager: bool = True
    """Begin to think when the caller has probably finished, and throw it away where the caller goes on."""
    ahead: float = 1.0
    """Seconds of speech that are handed out before they can have been played."""
    idle_after: float | None = 20.0
    """Seconds of silence on both sides after which the agent asks whether somebody is there; None: never."""
    longest_call: float = 3600.0
    """Seconds after which the conversation ends."""
