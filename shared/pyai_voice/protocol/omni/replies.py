"""The agent's side of a call: which reply is being said, and what of it may still be delivered.

Above: :mod:`.client`. The wire has neither an end of a reply nor a name for one, and audio may come faster than real
time. So a gate decides:

    open   --flush, barge_in, assistant_interrupted, our own interruption-->  closed: everything of the agent is dropped
    closed --the beginning of a newer turn-->                                 open

and a reply ends at the next turn, or when nothing more has come for a while after its audio would have been played.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ...audio import AudioFormat
from ...omni_events import (
    AgentTurnBegan,
    Interrupted,
    OmniEvent,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ReplyTruncated,
)
from .wire import Words

__all__ = ["Replies"]

_PAUSE = 1.0
"""Seconds without agent audio after which a service that marks no turns may be taken to begin a new one."""
_LONGEST_SPOKEN = 500
"""Characters that ``assistant_interrupted`` repeats at most: a longer reply cannot be cut by it."""


@dataclass(slots=True)
class _Reply:
    """The reply that is open."""

    name: str
    fresh_at: float
    """When something of it last came."""
    plays_until: float
    """When its audio would have been played, had it been played from the moment that it came."""
    seconds: float = 0.0
    segments: list[str] = field(default_factory=list)
    """What is final of its text."""
    segment: str = ""
    """What is not."""

    @property
    def text(self) -> str:
        return " ".join(part for part in (*self.segments, self.segment.strip()) if part)


class Replies:
    """Call :meth:`open` for each connection. Every ``now`` is in seconds of one clock that never runs back."""

    def __init__(self, quiet: float) -> None:
        self.quiet = quiet
        """Seconds without anything new that end a reply."""
        self._count = 0
        self._reply: _Reply | None = None
        self._last = ("", "")
        """Name and text of the newest reply."""
        self.open()

    @property
    def replying(self) -> bool:
        """Whether a reply is open."""
        return self._reply is not None

    def open(self) -> None:
        """Begin a connection: it counts its turns from the start, and may greet without a turn."""
        self._gate = True
        self._turn: int | None = None
        self._marked = False
        self._new_turn = False
        self._caller_since = False
        self._dropped_at = 0.0

    # What the service says

    def turn(self, number: int | None, waited: float | None) -> list[OmniEvent]:
        """Begin the agent's turn; one that is not newer than the last says nothing."""
        if self._turn is not None and (number is None or number <= self._turn):
            return []
        again = self._new_turn and self._turn is None
        self._turn = number
        self._gate = self._marked = self._new_turn = True
        if again:  # the same turn under its other name
            return []
        return [*self.end(), AgentTurnBegan(number, waited)]

    def audio(self, pcm: bytes, rate: int, now: float) -> list[OmniEvent]:
        """Take sound."""
        if not self._admits(now):
            return []
        events, reply = self._current(now)
        seconds = AudioFormat(rate).seconds(len(pcm))
        reply.seconds += seconds
        reply.plays_until = max(reply.plays_until, now) + seconds
        return [*events, ReplyAudio(reply.name, pcm, rate)]

    def words(self, words: Words, now: float) -> list[OmniEvent]:
        """Take words of the agent: they replace or continue the segment that is not final."""
        if not self._admits(now) or not words.text.strip():
            return []
        events, reply = self._current(now)
        reply.segment = words.text if words.replaces else reply.segment + words.text
        return [*events, self._said(reply, words.final)]

    def interrupt(self, reason: str, now: float) -> list[OmniEvent]:
        """Close the gate; one that is closed already says nothing."""
        if not self._gate:
            return []
        self._gate = self._new_turn = self._caller_since = False
        self._dropped_at = now
        name = self._reply.name if self._reply else ""
        return [Interrupted(name, reason), *self.end(interrupted=True)]

    def spoken(self, text: str) -> list[OmniEvent]:
        """Take what the caller heard of the newest reply; ignored where that is not how it begins."""
        name, shown = self._last
        if not text or len(text) >= _LONGEST_SPOKEN or not shown.startswith(text):
            return []
        self._last = (name, text)
        return [ReplyTruncated(name, text)]

    # What else happens

    def caller_spoke(self, now: float) -> list[OmniEvent]:
        """The caller said something: a reply that has been played is over."""
        self._caller_since, self._new_turn = True, False
        reply = self._reply
        return self.end() if reply and reply.seconds and now >= reply.plays_until else []

    def tick(self, now: float) -> list[OmniEvent]:
        """End the reply if it is due."""
        reply = self._reply
        if reply is None or now < max(reply.plays_until, reply.fresh_at) + self.quiet:
            return []
        return self.end()

    def end(self, *, interrupted: bool = False) -> list[OmniEvent]:
        """End the reply that is open, if one is."""
        reply = self._reply
        if reply is None:
            return []
        events: list[OmniEvent] = [self._said(reply, final=True)] if reply.segment.strip() and not interrupted else []
        self._reply, self._last = None, (reply.name, reply.text)
        return [*events, ReplyEnded(reply.name, reply.text, reply.seconds, interrupted)]

    def _said(self, reply: _Reply, final: bool) -> ReplyText:
        segment = reply.segment.strip()
        if final:
            reply.segments.append(segment)
            reply.segment = ""
        return ReplyText(reply.name, reply.text, segment, final)

    def _current(self, now: float) -> tuple[list[OmniEvent], _Reply]:
        self._new_turn = False
        if self._reply is not None:
            self._reply.fresh_at = now
            return [], self._reply
        self._count += 1
        self._reply = _Reply(f"r{self._count}", now, now)
        return [ReplyStarted(self._reply.name)], self._reply

    def _admits(self, now: float) -> bool:
        """Tell whether what comes now may be delivered."""
        if self._gate:
            return True
        unmarked = not self._marked and self._caller_since
        self._gate = unmarked and now - self._dropped_at >= _PAUSE
        self._dropped_at = now
        return self._gate
