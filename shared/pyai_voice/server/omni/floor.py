"""Who has the floor: hands out one reply after the other, stops when the caller speaks, goes on where that was nothing.

Above: the conversation. Below: deliveries.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .backchannel import is_question
from .delivery import Delivery
from .fact_queue import FactQueue
from .facts import Interrupted
from .history import AgentEntry, History
from .speech import Speech
from .spoken import Playback, SpokenText
from .tasks import Tasks
from .turn import Turn

__all__ = ["Floor"]

_PLAYED = 0.05
"""Seconds of sound that count as played: too short to be a word."""
_MOST_WAITING = 8


@dataclass(frozen=True, slots=True)
class _Held:
    """A reply that was stopped and may go on."""

    speech: Speech
    asked: bool
    """What was heard of it ends with a question."""


class Floor:
    """The agent's side of the conversation. ``handed_out`` is told of each turn that came to its end."""

    def __init__(
        self, facts: FactQueue, history: History, tasks: Tasks, ahead: float, handed_out: Callable[[Turn], None]
    ) -> None:
        self.playback = Playback()
        self._facts = facts
        self._history = history
        self._tasks = tasks
        self._ahead = ahead
        self._handed_out = handed_out
        self._number = 0
        self._delivery: Delivery | None = None
        self._task: asyncio.Task[None] | None = None
        self._waiting = deque[Speech]()
        self._held: _Held | None = None
        self._latest = deque[tuple[str, SpokenText, AgentEntry]](maxlen=8)

    @property
    def latest(self) -> str:
        """The name of the newest reply; empty before the first one."""
        return self._latest[-1][0] if self._latest else ""

    @property
    def held(self) -> bool:
        """Whether a reply was stopped that may go on."""
        return self._held is not None

    @property
    def busy(self) -> bool:
        """Whether the agent speaks, or is about to."""
        return self.held or bool(self._waiting) or self._delivering or self.playing > _PLAYED

    @property
    def playing(self) -> float:
        """Seconds of sound that are handed out and not played."""
        return self.playback.ahead(_now())

    @property
    def interruptible(self) -> bool:
        """Whether the caller may stop what is said now."""
        return self._delivery is None or self._delivery.speech.turn.interruptible

    @property
    def _delivering(self) -> bool:
        return self._delivery is not None and not self._delivery.over

    def start(self, speech: Speech) -> None:
        """Hand a speech out, after what is being handed out; one too many is dropped."""
        if self._delivering or self.held:
            if len(self._waiting) < _MOST_WAITING:
                self._waiting.append(speech)
            else:
                speech.stop()
            return
        self._deliver(speech)

    def _deliver(self, speech: Speech) -> None:
        self._number += 1
        self._history.append(speech.turn.entry)
        self._delivery = Delivery(speech, self._number, self._facts, self.playback, self._ahead)
        self._latest.append((self._delivery.name, self._delivery.spoken, speech.turn.entry))
        self._task = self._tasks.start(self._run(self._delivery))

    async def _run(self, delivery: Delivery) -> None:
        await delivery.run()
        self._handed_out(delivery.speech.turn)
        if self._waiting:
            self._deliver(self._waiting.popleft())

    def interrupt(self, reason: Literal["caller", "client"], *, keep: bool = False) -> None:
        """Stop at once what is said or prepared; ``keep`` it, so that it may go on."""
        if not keep:
            self._drop_waiting()
        delivery = self._delivery
        if delivery is None or (delivery.over and self.playing <= _PLAYED):
            return
        if self._task is not None:
            self._task.cancel()
        self._delivery = None
        heard = delivery.heard()
        self._facts.drop(delivery.name)
        self.playback.stop(_now())
        self._hold(delivery, heard, keep)
        if delivery.began:
            spoken = delivery.spoken.heard(heard).strip()
            self._facts.put(Interrupted(delivery.name, reason, spoken, heard))

    def _hold(self, delivery: Delivery, heard: float, keep: bool) -> None:
        speech, turn = delivery.speech, delivery.speech.turn
        spoken, entry = delivery.spoken.heard(heard), turn.entry
        left = entry.text[len(spoken) :]
        entry.cut(spoken)
        if not keep:
            speech.stop()
            return
        turn.released.clear()
        turn.entry = AgentEntry(left)  # what is still being thought belongs to the rest
        turn.trigger = "resume" if delivery.began else turn.trigger
        speech.give_back(delivery.rest(heard))
        self._held = _Held(speech, is_question(spoken))

    def resume(self) -> None:
        """Go on with what was kept."""
        held, self._held = self._held, None
        if held is not None:
            held.speech.turn.waited_from = None
            self._deliver(held.speech)

    @property
    def expects(self) -> bool:
        """Whether what was stopped had asked something, or had little left to say: then a short word is an answer."""
        held = self._held
        return held is None or held.asked or len(held.speech.turn.entry.text.split()) < 2

    def drop(self) -> None:
        """Forget what was kept and what waits."""
        held, self._held = self._held, None
        if held is not None:
            held.speech.stop()
        self._drop_waiting()

    def end(self) -> None:
        """Hand out nothing more; what was handed out may be played."""
        self.drop()
        if self._task is not None:
            self._task.cancel()

    def _drop_waiting(self) -> None:
        while self._waiting:
            self._waiting.popleft().stop()

    def truncate(self, reply: str, seconds: float) -> None:
        """Keep only what was heard of one of the latest replies, as the client says."""
        for name, spoken, entry in self._latest:
            if name == reply:
                entry.cut(spoken.heard(seconds))


def _now() -> float:
    return asyncio.get_running_loop().time()
