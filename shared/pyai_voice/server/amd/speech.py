"""When somebody spoke: onset, pauses, silence, from the voice detector's likelihoods. No I/O, no clock."""

from __future__ import annotations

__all__ = ["Speech"]

_ON, _OFF = 0.4, 0.3
"""Likelihoods; lower than for wide sound, because a telephone leaves out so much of a voice."""
_TO_START = 0.06
"""Seconds of likely speech that make a beginning."""
_BREATH = 0.3
"""Seconds of silence that still belong to what is said."""
_APART = 0.6
"""Seconds of silence between two things that are said."""


class Speech:
    """Hears a likelihood for each piece of a call; positions are seconds of the call."""

    def __init__(self) -> None:
        self.at = 0.0
        """How much has been heard."""
        self.began: float | None = None
        """Where the first speech began; None: nobody has spoken."""
        self.until = 0.0
        """Where the latest speech ended."""
        self.voiced = 0.0
        """How long somebody spoke, breaths included."""
        self.said_from = 0.0
        """Where the latest thing that is said began."""
        self._candidate: float | None = None
        self._speaking = False

    @property
    def silence(self) -> float:
        """Seconds since the latest speech."""
        return self.at - self.until

    @property
    def length(self) -> float:
        """Seconds from the first speech to the latest."""
        return 0.0 if self.began is None else self.until - self.began

    @property
    def latest(self) -> float:
        """Seconds of the latest thing that is said."""
        return 0.0 if self.began is None else self.until - self.said_from

    def hear(self, at: float, likely: float) -> None:
        """Take the likelihood of speech up to a position."""
        passed, self.at = at - self.at, at
        if likely < (_OFF if self._speaking else _ON):
            self._candidate = None
            self._speaking = False
            return
        if self._candidate is None:
            self._candidate = at - passed
        if self._speaking or at - self._candidate >= _TO_START - 1e-9:
            self._voice(self._candidate, at)

    def _voice(self, began: float, at: float) -> None:
        if self.began is None:
            self.began = self.said_from = self.until = began
        elif began - self.until >= _APART:
            self.said_from = began
        self.voiced += at - (self.until if began - self.until < _BREATH else began)
        self.until = at
        self._speaking = True

    def forget(self, since: float) -> None:
        """Take back what was heard since a position: it was a tone and no voice."""
        if self.began is None or self.until <= since:
            return
        if self.began >= since:
            self.began, self.voiced, self.until = None, 0.0, 0.0
            return
        self.voiced = max(0.0, self.voiced - (self.until - since))
        self.until = since
        self.said_from = min(self.said_from, since)
