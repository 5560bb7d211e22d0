"""The turn strategies that go with ``vad_force_turn_endpoint=False``: PyAI decides, the user aggregator obeys."""

from __future__ import annotations

from pipecat.frames.frames import Frame, ProposedUserStoppedSpeakingFrame, TranscriptionFrame
from pipecat.turns.types import ProcessFrameResult
from pipecat.turns.user_stop import BaseUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import ExternalUserTurnStrategies

__all__ = ["WordlessUserTurnStopStrategy", "user_turn_strategies"]


class WordlessUserTurnStopStrategy(BaseUserTurnStopStrategy):
    """Ends at once a turn whose words PyAI took back (a cough, a filler that was dropped).

    Pipecat's own strategy for turns decided elsewhere waits for a transcript; here none will come, because a stop is
    proposed only after the last transcript of a turn.
    """

    _words = False

    async def handle_user_turn_started(self) -> None:
        """Begin with no words."""
        self._words = False

    async def process_frame(self, frame: Frame) -> ProcessFrameResult:
        """Watch for words, and for the end of the turn."""
        if isinstance(frame, TranscriptionFrame):
            self._words = True
        elif isinstance(frame, ProposedUserStoppedSpeakingFrame) and not self._words:
            await self.trigger_user_turn_stopped()
        return ProcessFrameResult.CONTINUE


def user_turn_strategies(*, enable_interruptions: bool = True) -> ExternalUserTurnStrategies:
    """Return the strategies that :class:`~pipecat_pyai.PyAISTTService` recommends when PyAI owns the turn."""
    strategies = ExternalUserTurnStrategies(enable_interruptions=enable_interruptions)
    strategies.stop = [*(strategies.stop or []), WordlessUserTurnStopStrategy()]
    return strategies
