"""Where an Omni agent's passages come from: its own knowledge endpoint, else the organisation's knowledge bases.

A caller waits on the telephone: 0.3 s, then the agent answers without passages, whatever went wrong. Source: PyAI's
protocol, "kb_endpoint contract"; what an endpoint answers is not pinned, so three shapes are read: ``results`` with
``content``, a ``context`` text, Vapi's ``documents``.
"""

from __future__ import annotations

import json
import logging
import time
from typing import Any, cast

from pydantic import SecretStr

from ...events import Passage
from ...omni_options import OmniOptions
from ...outbound import Outbound, OutboundError
from ...protocol.plain_json import read_json
from ..grounding import Grounder
from .facts import KnowledgeQueried

__all__ = ["Sources", "read_passages"]

_log = logging.getLogger(__name__)

_BUDGET = 0.3
"""Seconds for an endpoint."""
_MOST, _LONGEST = 5, 2_000
"""Passages; characters of each."""
_LONGEST_QUERY = 2_000

Found = tuple[tuple[Passage, ...], tuple[str, ...]]
"""Passages and their ids."""


class Sources:
    """The sources of one conversation."""

    def __init__(self, outbound: Outbound, own: Grounder | None, label: str) -> None:
        """``own`` asks the organisation's knowledge bases; None where it has none. ``label`` of the session."""
        self._outbound = outbound
        self._own = own
        self._label = label

    async def find(self, agent: OmniOptions, query: str) -> tuple[tuple[Passage, ...], KnowledgeQueried] | None:
        """Return the passages for the caller's words; None where there is nothing to ask."""
        began = time.monotonic()
        reason = "no_match"
        found: Found = ((), ())
        if agent.kb_endpoint:
            try:
                found = await self._ask(agent.kb_endpoint, agent.kb_token, query[:_LONGEST_QUERY])
            except OutboundError as error:
                reason = {"timeout": "timeout", "blocked_address": "blocked"}.get(error.code, "error")
                _log.info("answering without passages: %s", error)
        elif self._own is not None:
            passages = await self._own.passages(query)
            found = passages, tuple(f"passage_{number}" for number in range(1, len(passages) + 1))
        else:
            return None
        passages, ids = found
        return passages, KnowledgeQueried(ids, "" if ids else reason, time.monotonic() - began)

    async def _ask(self, url: str, token: SecretStr | None, query: str) -> Found:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token.get_secret_value()}"
        body = json.dumps({"session_label": self._label, "query": query}).encode()
        answer = await self._outbound.post(url, body, headers, timeout=_BUDGET)
        if not answer.good:
            raise OutboundError(f"the knowledge endpoint answered {answer.status}", code="error")
        return read_passages(answer.body)

    async def aclose(self) -> None:
        """Give up what is being looked for."""
        if self._own is not None:
            await self._own.aclose()


def read_passages(body: bytes) -> Found:
    """Read an endpoint's answer; what cannot be read is no passage. Never raises."""
    fields = _object(body)
    listed = fields.get("results", fields.get("documents"))
    items = cast("list[object]", listed) if isinstance(listed, list) else []
    entries = [cast("dict[str, Any]", each) for each in items if isinstance(each, dict)]
    chosen = [each for each in entries if isinstance(each.get("content"), str) and each["content"].strip()][:_MOST]
    if chosen:
        ids = tuple(str(each.get("id") or each.get("uuid") or number)[:100] for number, each in enumerate(chosen, 1))
        return tuple(Passage(each["content"][:_LONGEST], _score(each)) for each in chosen), ids
    context = fields.get("context")
    if isinstance(context, str) and context.strip():
        return (Passage(context[: _MOST * _LONGEST], 1.0),), ("context",)
    return (), ()


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = read_json(body)
    except ValueError:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _score(entry: dict[str, Any]) -> float:
    score = entry.get("score", entry.get("similarity", 0.0))
    return float(score) if isinstance(score, int | float) and not isinstance(score, bool) else 0.0
