"""Who ends a turn: the choice, and the turn strategies that go with it where the user aggregator has to obey."""

from __future__ import annotations

from typing import get_args

from pipecat.frames.frames import Frame, ProposedUserStoppedSpeakingFrame
from pipecat.turns.types import ProcessFrameResult
from pipecat.turns.user_stop import BaseUserTurnStopStrategy, EagerMatchPolicy
from pipecat.turns.user_turn_strategies import EagerUserTurnStrategies, ExternalUserTurnStrategies

from pyai_voice.errors import ConfigurationError
from pyai_voice.options import TurnAuthority, TurnPolicy

__all__ = ["ProposedUserTurnStopStrategy", "turn_policy", "user_turn_strategies"]

_AUTHORITIES = get_args(TurnAuthority)


class ProposedUserTurnStopStrategy(BaseUserTurnStopStrategy):
    """Ends at once a turn whose end is proposed, also one without words (a cough, a filler that was dropped).

    Pipecat's own strategy for turns decided elsewhere waits for a transcript; here none will come, because an end is
    proposed only after the last transcript of a turn. It stands behind Pipecat's, which goes first where it can.
    """

    async def process_frame(self, frame: Frame) -> ProcessFrameResult:
        """Obey."""
        if isinstance(frame, ProposedUserStoppedSpeakingFrame):
            await self.trigger_user_turn_stopped()
        return ProcessFrameResult.CONTINUE


def user_turn_strategies(
    *, enable_interruptions: bool = True, match_policy: EagerMatchPolicy | None = None
) -> ExternalUserTurnStrategies:
    """Return the strategies that obey proposed turns, and answer predicted ends of turns early where there are any.

    PyAI's services recommend them by themselves; pass them to the aggregator to change them.
    """
    strategies = EagerUserTurnStrategies(match_policy=match_policy, enable_interruptions=enable_interruptions)
    strategies.stop = [*(strategies.stop or []), ProposedUserTurnStopStrategy()]
    return strategies


def turn_policy(turns: TurnPolicy | TurnAuthority | None, vad_force_turn_endpoint: bool | None) -> TurnPolicy:
    """Return who ends turns. Raises ConfigurationError for another word, or where the two arguments contradict."""
    if turns is not None and not isinstance(turns, TurnPolicy):
        if turns not in _AUTHORITIES:
            raise ConfigurationError(
                f"turns: expected {', '.join(_AUTHORITIES)} or a TurnPolicy, not {turns!r}", code="invalid_option"
            )
        turns = TurnPolicy(authority=turns)
    if vad_force_turn_endpoint is None:
        return turns or TurnPolicy()
    if turns is None:
        return TurnPolicy(authority="framework" if vad_force_turn_endpoint else "cue")
    if vad_force_turn_endpoint is not (turns.authority == "framework"):
        raise ConfigurationError(
            f"vad_force_turn_endpoint={vad_force_turn_endpoint} contradicts turns: authority={turns.authority!r}",
            code="invalid_option",
            hint="Leave vad_force_turn_endpoint out",
        )
    return turns
