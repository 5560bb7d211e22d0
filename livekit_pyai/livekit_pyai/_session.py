"""What a component sees of the AgentSession that uses it: LiveKit's own callbacks belong to that session."""

from __future__ import annotations

from typing import Any

from livekit.agents import AgentSession
from livekit.agents.utils import is_given

from pyai_voice.options import TurnAuthority

from .log import logger

__all__ = ["note_turns", "session_of"]


def session_of(callback: Any) -> AgentSession[Any] | None:
    """Return the session that a callback of LiveKit's belongs to; None where it is somebody else's."""
    session: Any = getattr(getattr(callback, "__self__", None), "session", None)
    return session if issubclass(type(session), AgentSession) else None


def note_turns(callback: Any, authority: TurnAuthority) -> None:
    """Log who ends the turns of the callback's session: it decides, an STT can only be ready for it."""
    session = session_of(callback)
    if session is None:
        return
    of_agent: Any = getattr(getattr(callback.__self__, "agent", None), "turn_detection", None)
    by = of_agent if of_agent is not None and is_given(of_agent) else session.turn_detection
    if by == "stt":
        logger.info("Hear ends turns (%s)", authority)
    elif by == "manual":
        logger.info("The program ends turns")
    else:
        name = "its own choice" if by is None else by if isinstance(by, str) else type(by).__name__
        hint = (
            ""
            if authority == "framework"
            else "; turn_handling=pyai.turn_handling(stt) would leave them to " + authority
        )
        logger.info("LiveKit ends turns (%s)%s", name, hint)
