"""What becomes of a call: the live event's coarse words, the record's finer ones, and the news for a webhook.

Source: protocol of PyAI, "AMD": the event says human, machine, sit_invalid or unknown, record and webhook what kind.
"""

from __future__ import annotations

from typing import Any, Literal

from ...amd_events import AmdDecision
from ..state.amd import AmdCall
from ..state.records import Record
from .judge import Verdict

__all__ = ["AmdNews", "decision_of", "news_of", "record_of"]

_COARSE = {
    "human": "human",
    "machine": "machine",
    "voicemail": "machine",
    "ivr": "machine",
    "screening": "machine",
    "music": "machine",
    "fax": "machine",
    "sit_invalid": "sit_invalid",
}


class AmdNews(Record):
    """The body of the webhook ``amd.call.completed``."""

    event: Literal["amd.call.completed"] = "amd.call.completed"
    call_id: str
    org_id: str
    session_label: str | None
    status: str
    answered_by: str | None
    answered_by_twilio: str | None
    confidence: float | None
    decision_ms: int | None
    decision_elapsed_ms: int | None
    decision_timeout_ms: int | None
    reason: str | None
    rule_id: str | None
    subtype: str | None
    custom_parameters: dict[str, Any]
    created_at: int


def decision_of(verdict: Verdict, call_id: str, parameters: dict[str, str]) -> AmdDecision:
    """Return the live event."""
    coarse = _COARSE.get(verdict.subtype, "unknown")
    return AmdDecision(
        coarse,
        _twilio(verdict, coarse),
        verdict.confidence,
        verdict.at,
        verdict.reason,
        call_id,
        verdict.subtype,
        verdict.rule_id,
        parameters,
    )


def _twilio(verdict: Verdict, coarse: str) -> str:
    if verdict.subtype in ("human", "fax"):
        return verdict.subtype
    if coarse != "machine":
        return "unknown"
    return f"machine_end_{verdict.ended}" if verdict.ended else "machine_start"


def record_of(decision: AmdDecision, **more: Any) -> AmdCall:
    """Return what is kept of a decision; ``more`` are further fields of AmdCall."""
    return AmdCall(
        call_id=decision.call_id,
        answered_by=decision.subtype,
        answered_by_twilio=decision.answered_by_twilio,
        confidence=decision.confidence,
        decision_ms=None if decision.at is None else round(1000 * decision.at),
        reason=decision.reason,
        rule_id=decision.rule_id or None,
        subtype=decision.subtype,
        custom_parameters=decision.parameters,
        **more,
    )


def news_of(call: AmdCall, organisation: str) -> AmdNews:
    """Return what a webhook is told of a record."""
    return AmdNews(org_id=organisation, **call.model_dump(include=set(AmdNews.model_fields) - {"event", "org_id"}))
