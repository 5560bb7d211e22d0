"""Turns as proposals to the user aggregator: none is lost on the way, whatever overtakes what.

A proposed start is a system frame and overtakes the transcript and the proposed stop of the turn before, which are
still on their way when speech follows closely or comes in a burst after an outage. And an aggregator may have closed
the turn itself, or have been muted when it was proposed; then words would belong to no turn.
"""

from __future__ import annotations

import asyncio
from typing import Any

from pipecat.frames.frames import (
    Frame,
    ProposedUserStartedSpeakingFrame,
    ProposedUserStoppedSpeakingFrame,
    UserMuteStoppedFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

__all__ = ["TurnProposals"]

_OBEYED = 0.5
"""Seconds that a new turn waits for the end of the one before to be obeyed."""


class TurnProposals(FrameProcessor):
    """Mixin: call :meth:`propose_start`, :meth:`before_words` and :meth:`propose_stop` in that order."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._proposed = False
        self._swallowed = False
        self._obeyed = asyncio.Event()
        self._obeyed.set()
        self._stopped_at = 0.0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Watch what became of the proposals."""
        await super().process_frame(frame, direction)
        if isinstance(frame, UserStoppedSpeakingFrame | UserMuteStoppedFrame):
            self._swallowed = self._proposed
        if isinstance(frame, UserStoppedSpeakingFrame):
            self._obeyed.set()

    async def propose_start(self) -> None:
        """Propose a turn, once the one before is over."""
        await self._until_obeyed()
        self._proposed, self._swallowed = True, False
        await self.broadcast_frame(ProposedUserStartedSpeakingFrame)

    async def before_words(self) -> None:
        """Propose the turn again if the aggregator has not got it, or has ended it: the user goes on."""
        if self._swallowed and self._proposed:
            self._swallowed = False
            await self.broadcast_frame(ProposedUserStartedSpeakingFrame)

    async def propose_stop(self) -> None:
        """Propose the end of the turn; all its words have been pushed."""
        self._proposed = False
        self._obeyed.clear()
        self._stopped_at = asyncio.get_running_loop().time()
        await self.broadcast_frame(ProposedUserStoppedSpeakingFrame)

    async def _until_obeyed(self) -> None:
        try:
            async with asyncio.timeout_at(self._stopped_at + _OBEYED):
                await self._obeyed.wait()
        except TimeoutError:  # nobody is there to obey, or the user is muted
            self._obeyed.set()
