"""Events that only tell, or ask of the transport: call control, digits, the knowledge base, positions.

Above: :mod:`.client`. None of them needs an answer (PyAI's protocol, Omni, "Server to client events").
"""

from __future__ import annotations

from typing import Any

from ...omni_events import (
    AudioPosition,
    CollectRequested,
    DigitHeard,
    DigitsRequested,
    HangUpRequested,
    HoldRequested,
    IdlePrompt,
    KnowledgeQueried,
    OmniEvent,
    ServiceEvent,
    TransferRequested,
)
from ..hear.wire import items_of, number, text_of

__all__ = ["notice"]


def notice(name: str, fields: dict[str, Any]) -> OmniEvent:
    """Return what the service tells or asks for without any rule to it; an unknown event as it is."""
    match name:
        case "audio_position":
            return AudioPosition(_seconds(fields, "sent_ms"), _seconds(fields, "realtime_ms"))
        case "transfer_to_human":
            return TransferRequested(text_of(fields, "destination") or text_of(fields, "to"), fields)
        case "send_dtmf":
            return DigitsRequested(text_of(fields, "digits") or text_of(fields, "digit"))
        case "play_hold":
            return HoldRequested(number(fields, "seconds"))
        case "collect":
            return CollectRequested(text_of(fields, "field"), text_of(fields, "kind"))
        case "end_call":
            return HangUpRequested(text_of(fields, "reason"))
        case "dtmf":
            return DigitHeard(text_of(fields, "digits") or text_of(fields, "digit"))
        case "idle_prompt":
            return IdlePrompt()
        case "kb_query":
            ids = tuple(each for each in items_of(fields, "top_ids") if isinstance(each, str))
            return KnowledgeQueried(fields.get("none") is not True, text_of(fields, "reason"), ids)
        case _:
            return ServiceEvent(name, fields)


def _seconds(fields: dict[str, Any], name: str) -> float | None:
    milliseconds = number(fields, name)
    return None if milliseconds is None else milliseconds / 1000
