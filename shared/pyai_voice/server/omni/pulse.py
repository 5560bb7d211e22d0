"""What only time brings about in a conversation: complete keys, a caller who is silent, an end. Time is passed in."""

from __future__ import annotations

from typing import Literal

from .habits import Habits

__all__ = ["Pulse"]

_KEYS_PAUSE = 1.5
"""Seconds without another key after which the keys are complete; ``#`` completes them at once."""
_MOST_KEYS = 64
_HANG_UP = 3.0
"""Seconds that the client has to hang up after the agent's wish; then the conversation ends by itself."""
_MOST_PROMPTS = 2
"""Times that the agent asks whether somebody is there before it waits in silence."""


class Pulse:
    """The clock of one conversation; every ``now`` is in seconds."""

    def __init__(self, now: float) -> None:
        self._began = self._active_at = now
        self._prompts = 0
        self._keys, self._keys_at = "", 0.0
        self._hang_up_at: float | None = None

    def heard(self, now: float) -> None:
        """Note that the caller is there."""
        self._active_at, self._prompts = now, 0

    def press(self, digits: str, now: float) -> None:
        """Collect keys."""
        self._keys, self._keys_at = (self._keys + digits)[:_MOST_KEYS], now
        self.heard(now)

    def keys(self, now: float) -> str:
        """Return the keys once they are complete; else nothing."""
        if not self._keys or not (self._keys.endswith("#") or now - self._keys_at >= _KEYS_PAUSE):
            return ""
        keys, self._keys = self._keys, ""
        return keys

    def hang_up(self, now: float) -> None:
        """Note that the client was asked to end the call."""
        self._hang_up_at = now

    def over(self, now: float, habits: Habits) -> Literal["agent", "time_limit"] | None:
        """Return why the conversation is over; None while it is not."""
        if self._hang_up_at is not None and now - self._hang_up_at >= _HANG_UP:
            return "agent"
        return "time_limit" if now - self._began >= habits.longest_call else None

    def idle(self, now: float, busy: bool, habits: Habits) -> bool:
        """Tell whether it is time to ask if somebody is there; ``busy``: somebody speaks."""
        if busy or self._hang_up_at is not None:
            self._active_at = now
        patience = habits.idle_after
        if patience is None or now - self._active_at < patience or self._prompts >= _MOST_PROMPTS:
            return False
        self._prompts += 1
        self._active_at = now
        return True
