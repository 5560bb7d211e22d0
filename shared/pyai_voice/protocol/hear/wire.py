"""Words of the Hear wire, shared by both roles: names, the connect address, reading a message.

Source: protocol of PyAI, sections "Authentication" and "Hear streaming". Two generations are understood:
``pyai-hear-v1`` (always asked for) and the older ``fusion-v0`` that a server speaks when it is not.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from ..plain_json import mended

if TYPE_CHECKING:
    from ...options import HearOptions

__all__ = [
    "COMMIT",
    "COMMIT_ALIAS",
    "COMMIT_REASONS",
    "ENCODING",
    "KEY_SUBPROTOCOL",
    "LEGACY_TYPES",
    "MARKER",
    "PROTOCOL",
    "STREAM_PATH",
    "Message",
    "connect_query",
    "encode",
    "error_of",
    "items_of",
    "number",
    "read_object",
    "subprotocols",
    "text_of",
]

Message = str | bytes
"""One WebSocket message: text is JSON control, bytes is PCM."""

STREAM_PATH = "/audio/transcriptions/stream"
PROTOCOL = "pyai-hear-v1"
ENCODING = "pcm16"
MARKER = "pyai.v1"
"""The subprotocol that a server may echo; it never echoes the credential."""
KEY_SUBPROTOCOL = "pyai-key."
"""Prefix of the subprotocol that carries the key."""

COMMIT = '{"type":"commit"}'
COMMIT_ALIAS = '{"type":"input_audio_buffer.commit"}'
"""What older fleets understand instead; used once per refused commit."""

COMMIT_REASONS = frozenset({"", "commit", "client_commit"})
"""Endpoint reasons of a final that answers our commit; "" stands for none given (older fleets)."""

LEGACY_TYPES = {
    "transcript.partial": "partial",
    "turn.end": "speech_final",
    "transcript.final": "final",
    "usage.delta": "usage",
}
"""``fusion-v0`` name -> v1 name."""


def subprotocols(key: str) -> tuple[str, str]:
    """Return what to offer at the upgrade: the marker first, then the credential."""
    return MARKER, f"{KEY_SUBPROTOCOL}{key}"


def connect_query(options: HearOptions) -> str:
    """Return the query of the connect address; what is None is left to the service."""
    wanted: dict[str, Any] = {
        "protocol": PROTOCOL,
        "model": options.model,
        "sample_rate": options.sample_rate,
        "encoding": ENCODING,
        "interim_results": options.interim_results,
        "language": options.language,
        "numerals": options.numerals,
        "smart_format": options.smart_format,
        "dictation": options.dictation,
        "drop_fillers": options.drop_fillers,
        "endpointing_ms": options.endpointing_ms,
        "vocabulary": encode(list(options.vocabulary)) if options.vocabulary else None,
    }
    extra = {name: value for name, value in options.query.items() if name not in (*wanted, "context")}
    return urlencode({name: _plain(value) for name, value in {**wanted, **extra}.items() if value is not None})


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def encode(value: object) -> str:
    """Return compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def read_object(message: Message) -> dict[str, Any] | None:
    """Return a text message as a JSON object; None for anything else (binary, broken, another shape).

    Half a surrogate pair in a text is made a question mark: nobody could send it on, or keep it.
    """
    if isinstance(message, bytes):
        return None
    try:
        value = mended(json.loads(message), message)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def text_of(fields: dict[str, Any], name: str) -> str:
    """Return a field's text; "" where it is absent or not text."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def number(fields: dict[str, Any], name: str) -> float | None:
    """Return a field's finite number; None where it is absent or anything else."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e12 else None  # rules out infinities and NaN as well


def items_of(fields: dict[str, Any], name: str) -> list[Any]:
    """Return a field's list; [] where it is absent or anything else."""
    value = fields.get(name)
    return cast("list[Any]", value) if isinstance(value, list) else []


def error_of(fields: dict[str, Any]) -> tuple[str, str]:
    """Return (code, message) of an error message, flat or nested under ``error``."""
    nested = fields.get("error")
    inner = cast("dict[str, Any]", nested) if isinstance(nested, dict) else {}
    code = text_of(inner, "code") or text_of(fields, "code")
    return code, text_of(inner, "message") or text_of(fields, "message")
