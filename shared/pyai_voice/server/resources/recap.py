"""Recap: ``/v1/recap``: what can be computed of a call, and no more: nothing is summed up in words.

Source: protocol of PyAI, "Other REST".
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from ...errors import service_error
from ..operations import Asked, Body, Listed, Operation, PageQuery
from ..review.measures import Measures, measure
from ..review.rules import Violation, check
from ..state.calls import Call, Spoken, ToolUse
from ..state.recap import CrmConfig, RecapConfig
from ..state.records import now_ms
from ..state.rules import Rule
from .trace import rules_of

__all__ = ["operations"]

_CONFIGURE, _READ = "recap:configure", "recap:read"
_MOST_UTTERANCES = 5000
_STATES = {"complete": "completed", "failed": "failed", "pending": "in_progress"}
_STATUS: dict[str, Literal["complete", "failed", "pending"]] = {
    "completed": "complete",
    "failed": "failed",
    "in_progress": "pending",
}


class RecapChanges(RecapConfig):
    """What changes."""


class Utterance(Body):
    """What was said in one go."""

    speaker_role: Literal["agent", "customer"]
    text: Annotated[str, Field(max_length=10_000)]
    offset_s: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    """Seconds from the beginning of the call."""
    duration_s: Annotated[float, Field(ge=0, le=86_400)] = 0.0


class HandedIn(Body):
    """A call that another program recorded."""

    call_duration_s: Annotated[float, Field(ge=0, le=86_400)]
    utterances: Annotated[list[Utterance], Field(max_length=_MOST_UTTERANCES)]


class RecapQuery(PageQuery):
    """Which calls."""

    status: Literal["pending", "processing", "complete", "failed"] | None = None


class Moment(BaseModel):
    """Something that happened."""

    category: Literal["interruption", "tool_call", "violation"]
    offset_s: int
    """Whole seconds from the beginning."""
    text: str


class Line(BaseModel):
    """What was said in one go."""

    speaker_role: Literal["agent", "customer"]
    text: str
    offset_s: float
    duration_s: float


class RecapRecord(BaseModel):
    """What can be computed of a call. The words of a summary are left empty: nobody here could answer for them."""

    tldr: str | None = None
    summary_draft: str | None = None
    next_steps: str | None = None
    action_items: list[str] = []
    objections: list[str] = []
    moments: list[Moment]
    measures: Measures
    violations: list[Violation]
    transcript: list[Line]


class RecapCall(BaseModel):
    """One call."""

    object: Literal["recap.call"] = "recap.call"
    call_id: str
    status: Literal["pending", "complete", "failed"]
    headline: str
    """The call in numbers."""
    created_at: int
    """Unix milliseconds."""
    record: RecapRecord | None
    error: str | None


async def _config(asked: Asked) -> RecapConfig:
    return await asked.stores.recap.config(asked.organisation)


async def _configure(asked: Asked) -> RecapConfig:
    changes = (await asked.body(RecapChanges)).model_dump(exclude_unset=True)
    packs = [pack.pack_id for pack in await asked.stores.trace.packs(asked.organisation)]
    if changes.get("default_pack_id") not in (None, *packs):
        raise service_error("default_pack_id: there is no such rule pack", code="invalid_request")
    now = await asked.stores.recap.config(asked.organisation)
    return await asked.stores.recap.configure(asked.organisation, now.model_copy(update=changes))


async def _crm(asked: Asked) -> CrmConfig:
    return await asked.stores.recap.crm(asked.organisation)


async def _configure_crm(asked: Asked) -> CrmConfig:
    return await asked.stores.recap.configure_crm(asked.organisation, await asked.body(CrmConfig))


async def _list(asked: Asked) -> Listed[RecapCall]:
    query = asked.query(RecapQuery)
    if query.status == "processing" or not await _enabled(asked):
        return Listed(data=[])
    wanted = {"status": _STATES[query.status]} if query.status else {}
    page = await asked.stores.calls.page(asked.organisation, query.limit, query.cursor, **wanted)
    return Listed(
        data=[await _recap(asked, call) for call in page.entries],
        has_more=page.next_cursor is not None,
        next_cursor=page.next_cursor,
    )


async def _get(asked: Asked) -> RecapCall:
    if not await _enabled(asked):
        raise service_error("Recap is switched off", code="not_found")
    return await _recap(asked, await asked.stores.calls.get(asked.organisation, asked.path("call_id")))


async def _enabled(asked: Asked) -> bool:
    return (await asked.stores.recap.config(asked.organisation)).enabled


async def _hand_in(asked: Asked) -> RecapCall:
    given = await asked.body(HandedIn)
    now = now_ms()
    call = Call(
        call_id=asked.path("call_id"),
        source="recap",
        status="completed",
        started_at=now - round(1000 * given.call_duration_s),
        ended_at=now,
        duration=given.call_duration_s,
        entries=[_spoken(each) for each in given.utterances],
    )
    return await _recap(asked, await asked.stores.calls.hand_in(asked.organisation, call))


def _spoken(utterance: Utterance) -> Spoken:
    return Spoken(
        role="agent" if utterance.speaker_role == "agent" else "caller",
        text=utterance.text,
        start=utterance.offset_s,
        end=utterance.offset_s + utterance.duration_s,
    )


async def _recap(asked: Asked, call: Call) -> RecapCall:
    record = None if call.status == "in_progress" else await _record(asked, call)
    return RecapCall(
        call_id=call.call_id,
        status=_STATUS[call.status],
        headline=_headline(record.measures) if record else "",
        created_at=call.started_at,
        record=record,
        error=call.end_reason if call.status == "failed" else None,
    )


async def _record(asked: Asked, call: Call) -> RecapRecord:
    said = [each for each in call.entries if isinstance(each, Spoken)]
    tools = [each for each in call.entries if isinstance(each, ToolUse)]
    violations = check(await _rules(asked, call), said)
    moments = [
        *(_moment("interruption", each.start, each.text) for each in said if each.interrupted),
        *(_moment("tool_call", each.start, each.name) for each in tools),
        *(_moment("violation", each.offset_s or 0.0, each.rule_id) for each in violations),
    ]
    return RecapRecord(
        moments=sorted(moments, key=lambda each: each.offset_s),
        measures=measure(call.entries, call.duration or 0.0),
        violations=violations,
        transcript=[_line(each) for each in said],
    )


async def _rules(asked: Asked, call: Call) -> list[Rule]:
    """Return the rules of the pack that is set for recaps, else all that Trace would ask."""
    pack_id = (await asked.stores.recap.config(asked.organisation)).default_pack_id
    pack = await asked.stores.trace.pack(asked.organisation, pack_id) if pack_id else None
    return pack.rules if pack else await rules_of(asked, call.agent_id)


def _moment(category: Literal["interruption", "tool_call", "violation"], start: float, text: str) -> Moment:
    return Moment(category=category, offset_s=int(start), text=text)


def _line(said: Spoken) -> Line:
    role = "agent" if said.role == "agent" else "customer"
    return Line(
        speaker_role=role, text=said.text, offset_s=round(said.start, 3), duration_s=round(said.end - said.start, 3)
    )


def _headline(measures: Measures) -> str:
    minutes, seconds = divmod(round(measures.duration_s), 60)
    turns = measures.agent_turns + measures.caller_turns
    return f"{minutes} min {seconds} s, {turns} turns, {measures.tool_calls} tool calls"


_CALL = "/v1/recap/calls/{call_id}"

operations = [
    Operation("GET", "/v1/recap/config", _config, _CONFIGURE, answer=RecapConfig),
    Operation("PUT", "/v1/recap/config", _configure, _CONFIGURE, body=RecapChanges, answer=RecapConfig),
    Operation("GET", "/v1/recap/crm-config", _crm, _CONFIGURE, answer=CrmConfig),
    Operation("PUT", "/v1/recap/crm-config", _configure_crm, _CONFIGURE, body=CrmConfig, answer=CrmConfig),
    Operation("GET", "/v1/recap/calls", _list, _READ, query=RecapQuery, answer=Listed[RecapCall]),
    Operation("GET", _CALL, _get, _READ, answer=RecapCall),
    Operation("POST", _CALL, _hand_in, _READ, status=202, body=HandedIn, answer=RecapCall),
]
