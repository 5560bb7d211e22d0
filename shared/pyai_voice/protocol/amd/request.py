"""What a client asks of AMD, read and checked; the server's side.

Source: protocol of PyAI, AMD. Twilio sends neither headers nor a query, so everything may come as custom parameters of
the ``start`` message; they go before the query.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ...amd_options import RESERVED_PARAMETERS
from ...errors import service_error

__all__ = ["AmdRequest", "read_parameters", "read_query"]

_SHORTEST_TIMEOUT, _LONGEST_TIMEOUT = 1000, 15000
_MOST_PARAMETERS = 32
_LONGEST_TEXT = 500
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class AmdRequest:
    """How one call is to be judged; None: not said."""

    aggressiveness: float | None = None
    """0 to 1."""
    session_label: str = ""
    """The caller's own tag."""
    webhook: str = ""
    """Where the decision is posted."""
    decision_timeout: float | None = None
    """Seconds of audio."""
    parameters: dict[str, str] = field(default_factory=dict[str, str])
    """Correlation keys."""


def read_query(query: Mapping[str, str]) -> AmdRequest:
    """Read a connect query; parameters that are not known are ignored. Raises RequestError naming the parameter."""
    return _read(AmdRequest(), query)


def read_parameters(before: AmdRequest, parameters: Mapping[str, str]) -> AmdRequest:
    """Read the custom parameters of a ``start``; what they do not say is as before.

    Raises RequestError naming the parameter and what it may be.
    """
    free = {name: value for name, value in parameters.items() if name not in RESERVED_PARAMETERS}
    if len(free) > _MOST_PARAMETERS or any(len(name) + len(value) > _LONGEST_TEXT for name, value in free.items()):
        raise service_error(
            f"customParameters: expected at most {_MOST_PARAMETERS} of {_LONGEST_TEXT} characters",
            code="invalid_request",
        )
    return replace(_read(before, parameters), parameters=free)


def _read(before: AmdRequest, said: Mapping[str, str]) -> AmdRequest:
    request = before
    if text := said.get("aggressiveness", ""):
        request = replace(request, aggressiveness=_within("aggressiveness", text, 0, 1))
    if text := said.get("decision_timeout_ms", ""):
        wait = _within("decision_timeout_ms", text, _SHORTEST_TIMEOUT, _LONGEST_TIMEOUT)
        request = replace(request, decision_timeout=wait / 1000)
    if label := said.get("session_label", ""):
        if len(label) > 256 or _CONTROL_CHARACTER.search(label):
            message = "session_label: expected at most 256 characters without control characters"
            raise service_error(message, code="invalid_session_label")
        request = replace(request, session_label=label)
    return replace(request, webhook=said.get("webhook", "") or request.webhook)


def _within(name: str, text: str, least: float, most: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise service_error(f"{name}: expected {least:g} to {most:g}, got {text[:20]!r}", code="invalid_request")
    return value
