"""What an Omni call tells besides speech, as events that a program can subscribe to on the model and on its session."""

from __future__ import annotations

from typing import Literal

from pyai_voice.omni_events import (
    AgentTurnBegan,
    CallEnded,
    CallStarted,
    CollectRequested,
    Configured,
    DigitHeard,
    DigitsRequested,
    HangUpRequested,
    HoldRequested,
    IdlePrompt,
    KnowledgeQueried,
    OmniEvent,
    ReplyTruncated,
    ServiceEvent,
    TransferRequested,
)

__all__ = ["OmniNotice", "notice_of"]

OmniNotice = Literal[
    "call_started",
    "configured",
    "turn_began",
    "transfer",
    "send_digits",
    "hold",
    "collect",
    "hang_up",
    "digits",
    "idle",
    "knowledge",
    "reply_truncated",
    "service_event",
    "call_ended",
]
"""Names of events; each brings the event of :mod:`pyai_voice.omni_events` that says it."""

_NOTICES: dict[type[OmniEvent], OmniNotice] = {
    CallStarted: "call_started",
    Configured: "configured",
    AgentTurnBegan: "turn_began",
    TransferRequested: "transfer",
    DigitsRequested: "send_digits",
    HoldRequested: "hold",
    CollectRequested: "collect",
    HangUpRequested: "hang_up",
    DigitHeard: "digits",
    IdlePrompt: "idle",
    KnowledgeQueried: "knowledge",
    ReplyTruncated: "reply_truncated",
    ServiceEvent: "service_event",
    CallEnded: "call_ended",
}


def notice_of(event: OmniEvent) -> OmniNotice | None:
    """Return the name under which a program hears of an event; None for what LiveKit itself is told."""
    return _NOTICES.get(type(event))
