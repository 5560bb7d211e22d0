"""What a client asks for when it connects to Omni and when it configures, read and checked; the server's side.

Source: protocol of PyAI, Omni native ("Connect", "Client to server control"). The agent is described by the same
:class:`~pyai_voice.omni_options.OmniOptions` as on the client's side.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from ...errors import ConfigurationError, service_error
from ...omni_options import OmniOptions, Tool

__all__ = ["OmniRequest", "read_agent", "read_request"]

_RATES = (8000, 16000, 24000)
_LABELS = ("session_label", "agent_id", "agent")
"""The label and its old names; the first that is there counts."""
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_OPTIONS = {
    "voice_id": "voice",
    "persona": "persona",
    "greeting": "greeting",
    "language": "language",
    "kb_endpoint": "kb_endpoint",
    "kb_token": "kb_token",
    "consent_line": "consent_line",
    "caller_key": "caller_key",
    "model_tier": "model_tier",
    "temperature": "temperature",
    "seed": "seed",
}
"""Field of ``configure`` -> name of the option."""
_KNOBS = frozenset(
    {"greeting_variants", "persona_perspective", "barge_sensitivity", "idle_check_in", "ack_mode", "vocabulary"}
)
"""Fields of ``configure`` that an engine may honour; they are kept in ``OmniOptions.extra``."""
_KEYS = frozenset({"type", "event"})
_MOST_TOOLS = 128


@dataclass(frozen=True, slots=True)
class OmniRequest:
    """The query of a connect address."""

    rate: int = 24000
    """Samples a second of the caller's audio."""
    session_label: str = ""
    """The caller's own tag, or the id of an agent profile; empty: none."""

    @property
    def output_rate(self) -> int:
        """Samples a second of the agent's audio: 8000 for a caller of 8000, else 24000."""
        return 8000 if self.rate == 8000 else 24000


def read_request(query: Mapping[str, str]) -> OmniRequest:
    """Read a connect query; parameters that are not known are ignored.

    Raises RequestError that names the parameter and what it may be.
    """
    said = query.get("format", "pcm16")
    if said != "pcm16":
        raise service_error(f"format: expected pcm16, got {said[:40]!r}", code="unsupported_format")
    rate = query.get("rate", "24000")
    if rate not in map(str, _RATES):
        raise service_error(f"rate: expected 8000, 16000 or 24000, got {rate[:40]!r}", code="unsupported_parameter")
    name = next((name for name in _LABELS if query.get(name)), "session_label")
    label = query.get(name, "")
    if len(label) > 256 or _CONTROL_CHARACTER.search(label):
        code = "invalid_session_label" if name == "session_label" else "invalid_agent_id"
        raise service_error(f"{name}: expected at most 256 characters without control characters", code=code)
    return OmniRequest(int(rate), label)


def read_agent(fields: Mapping[str, Any], before: OmniOptions) -> tuple[OmniOptions, list[str], list[str]]:
    """Read a ``configure``: what is there changes the agent, what is wrong is left out.

    Returns the agent, a complaint for each field that is wrong, and the names of the fields that are ignored.
    """
    changes: dict[str, Any] = {}
    complaints: list[str] = []
    for name in _OPTIONS.keys() & fields.keys():
        _take({_OPTIONS[name]: fields[name]}, changes, complaints)
    if "tools" in fields:
        changes["tools"] = _tools(fields["tools"], complaints)
    if knobs := {name: fields[name] for name in sorted(_KNOBS & fields.keys())}:
        _take({"extra": {**before.extra, **knobs}}, changes, complaints)
    ignored = sorted(fields.keys() - _OPTIONS.keys() - _KNOBS - _KEYS - {"tools"})
    return before.replace(**changes), sorted(complaints), ignored


def _take(change: dict[str, Any], changes: dict[str, Any], complaints: list[str]) -> None:
    try:
        OmniOptions(**change)
    except ConfigurationError as error:
        complaints.append(error.message)
    else:
        changes |= change


def _tools(given: object, complaints: list[str]) -> tuple[Tool, ...]:
    if not isinstance(given, list):
        complaints.append("tools: expected a list")
        return ()
    entries = cast("list[object]", given)
    if len(entries) > _MOST_TOOLS:
        complaints.append(f"tools: {len(entries)} are more than {_MOST_TOOLS}")
    tools: dict[str, Tool] = {}
    for number, entry in enumerate(entries[:_MOST_TOOLS]):
        try:
            tool = _tool(entry)
        except ConfigurationError as error:
            complaints.append(f"tools.{number}: {error.message}")
            continue
        if tool.name in tools:
            complaints.append(f"tools.{number}: another tool has the name {tool.name}")
        tools.setdefault(tool.name, tool)
    return tuple(tools.values())


def _tool(entry: object) -> Tool:
    if not isinstance(entry, dict):
        raise ConfigurationError("expected an object with a name", code="invalid_option")
    fields = cast("dict[str, Any]", entry)
    known = {
        name: value for name, value in fields.items() if name in {*Tool.model_fields, "input_schema"} - {"timeout"}
    }
    timeout = fields.get("timeout_ms")
    return Tool(**known, timeout=timeout / 1000 if isinstance(timeout, int) else None)
