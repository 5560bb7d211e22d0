"""Words of the AMD wire, shared by both roles: Twilio's Media Streams, and PyAI's decision.

Source: protocol of PyAI, "AMD"; Twilio's public description of ``<Stream>``. Every message is JSON text with an
``event``: ``connected``, ``start``, ``media`` (mu-law at 8000 Hz as base64, about 20 ms), ``stop``; the answer is one
``amd``.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from ...amd_events import AmdDecision
from ..hear.wire import Message, encode, number, read_object, text_of

if TYPE_CHECKING:
    from ...amd_options import AmdOptions

__all__ = [
    "ENCODING",
    "FRAME",
    "RATE",
    "STREAM_PATH",
    "Message",
    "connect_path",
    "custom_parameters",
    "encode",
    "is_decision",
    "object_of",
    "payload_of",
    "read_decision",
    "read_object",
    "text_of",
    "texts_of",
]

STREAM_PATH = "/amd/stream"
RATE = 8000
"""Samples a second, and bytes a second: mu-law has one byte a sample."""
FRAME = 160
"""Bytes of a media message: 20 ms."""
ENCODING = "audio/x-mulaw"
_TELLING = ("answered_by", "answered_by_twilio")


def connect_path(options: AmdOptions) -> str:
    """Return path and query of the connect address."""
    query = {"aggressiveness": options.aggressiveness, "session_label": options.session_label}
    said = urlencode({name: value for name, value in query.items() if value is not None})
    return f"{STREAM_PATH}?{said}" if said else STREAM_PATH


def custom_parameters(options: AmdOptions) -> dict[str, str]:
    """Return what the ``start`` message carries: options and correlation keys."""
    said = dict(options.parameters)
    if options.webhook is not None:
        said["webhook"] = options.webhook
    if options.decision_timeout is not None:
        said["decision_timeout_ms"] = str(round(1000 * options.decision_timeout))
    return said


def read_decision(fields: dict[str, Any]) -> AmdDecision:
    """Read a decision from the live event, a webhook's body or a record. Never raises."""
    at = number(fields, "decision_ms")
    names = ("answered_by_twilio", "reason", "call_id", "subtype", "rule_id")
    return AmdDecision(
        text_of(fields, "answered_by") or "unknown",
        **{name: text_of(fields, name) for name in names},
        confidence=number(fields, "confidence"),
        at=None if at is None else at / 1000,
        parameters=texts_of(fields, "custom_parameters"),
    )


def is_decision(fields: dict[str, Any]) -> bool:
    """Tell whether a live event is the decision."""
    return text_of(fields, "event") == "amd" and any(text_of(fields, name) for name in _TELLING)


def object_of(fields: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a field's object; {} where it is absent or anything else."""
    value = fields.get(name)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def texts_of(fields: dict[str, Any], name: str) -> dict[str, str]:
    """Return the texts of a field's object; numbers and truth values become text, anything else is left out."""
    return {key: _text(value) for key, value in object_of(fields, name).items() if isinstance(value, str | int | float)}


def _text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def payload_of(fields: dict[str, Any]) -> bytes:
    """Return the mu-law bytes of a media message; b"" where there are none."""
    try:
        return base64.b64decode(text_of(object_of(fields, "media"), "payload"), validate=True)
    except ValueError:
        return b""
