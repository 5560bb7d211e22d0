"""When to propose a turn that Cue hears and another recogniser writes down. No I/O, no clock, no frame.

Cue decides. The end of a turn is proposed when the other recogniser's transcript is in hand, or has been waited for
long enough; words that Cue has not heard get a turn of their own. While Cue cannot be reached, Pipecat's voice detector
decides, so that a call goes on without it. Times are seconds of any clock.
"""

from __future__ import annotations

from math import inf
from typing import Literal

from pyai_voice.options import TurnPolicy

__all__ = ["DetectorTurns", "Proposal"]

Proposal = Literal["start", "stop"]


class DetectorTurns:
    """Call :meth:`tick` at ``due``. Proposals alternate, whatever happens: start, stop, start ..."""

    def __init__(self, policy: TurnPolicy, transcript_wait: float) -> None:
        self._policy = policy
        self._wait = transcript_wait
        self._open = False
        self._cue_hears = False
        self._transcribed = False
        self._unfinished = False
        self._ended = False
        self._down_since: float | None = -inf
        self.due: float | None = None
        """When the open turn ends at the latest; None: not yet to be told."""

    @property
    def open(self) -> bool:
        """Whether a turn is proposed and not ended."""
        return self._open

    def blind(self, now: float) -> bool:
        """Whether Cue has been away for longer than its deadline, so that somebody else decides."""
        return self._down_since is not None and now - self._down_since >= self._policy.deadline

    def reached(self) -> None:
        """Cue is connected."""
        self._down_since = None

    def lost(self, now: float) -> None:
        """Cue is not connected any more."""
        if self._down_since is None:
            self._down_since = now

    def cue_started(self) -> list[Proposal]:
        """Cue hears the user speak: a turn begins, or goes on."""
        self._cue_hears, self._ended, self.due = True, False, None
        return self._start()

    def cue_ended(self, now: float) -> list[Proposal]:
        """Cue says that the user has finished."""
        self._cue_hears = False
        return self._end(now)

    def voice_started(self, now: float) -> list[Proposal]:
        """Pipecat's voice detector hears the user speak."""
        if self._cue_hears or not self.blind(now):
            return []
        self._ended, self.due = False, now + self._policy.watchdog
        return self._start()

    def voice_stopped(self, now: float) -> list[Proposal]:
        """Pipecat's voice detector hears silence."""
        return self._end(now) if not self._cue_hears and self.blind(now) else []

    def words_come(self, now: float, *, final: bool) -> list[Proposal]:
        """Tell what to propose before words of the other recogniser are passed on."""
        self._unfinished = not final
        if self._open or not final:
            return []
        self.due = now + self._wait  # Cue may yet hear what it is slower to hear
        return self._start()

    def words_passed(self, now: float) -> list[Proposal]:
        """Tell what to propose now that a transcript was passed on."""
        self._transcribed = True
        if self._ended:
            return self._stop()
        if self.due is not None and not self._cue_hears:
            self.due = max(self.due, now + self._wait)
        return []

    def tick(self, now: float) -> list[Proposal]:
        """Tell what to propose for the time being."""
        return self._stop() if self.due is not None and now >= self.due else []

    def close(self) -> list[Proposal]:
        """End what is open, without waiting."""
        self._cue_hears = False
        return self._stop()

    def _start(self) -> list[Proposal]:
        if self._open:
            return []
        self._open, self._transcribed = True, False
        return ["start"]

    def _end(self, now: float) -> list[Proposal]:
        if not self._open:
            return []
        if self._transcribed and not self._unfinished:
            return self._stop()
        self._ended, self.due = True, now + self._wait
        return []

    def _stop(self) -> list[Proposal]:
        self._ended, self.due = False, None
        if not self._open:
            return []
        self._open = False
        return ["stop"]
