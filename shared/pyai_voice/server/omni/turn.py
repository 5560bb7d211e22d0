"""One answer of the agent on its way: shared by what thinks it, what speaks it and what hands it out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from .facts import CallControl, Trigger
from .history import AgentEntry

__all__ = ["Turn"]


@dataclass(slots=True)
class Turn:
    """Its name and its entry change when it goes on after an interruption that was none."""

    trigger: Trigger
    waited_from: float | None = None
    """When the caller stopped speaking, on the loop's clock."""
    interruptible: bool = True
    round: int = 1
    """How often the brain has thought since the caller last spoke."""
    entry: AgentEntry = field(default_factory=AgentEntry)
    """Its place in the history."""
    reply: str = ""
    """Its name; empty before it begins."""
    tools: int = 0
    """How many tools it asked for."""
    controls: list[CallControl] = field(default_factory=list[CallControl])
    """What the transport is to do once the reply has been handed out."""
    hang_up: CallControl | None = None
    """The end of the call, once the reply has been played."""
    begin: Callable[[], None] = field(default=lambda: None)
    """Tells that it begins; for whoever has something to tell of it that is neither words nor sound."""
    released: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it begins: until then it may be thrown away, so it changes nothing."""
