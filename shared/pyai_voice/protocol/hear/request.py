"""What a client asks for in the connect address of the Hear stream, read and checked; the server's side.

Source: protocol of PyAI, "Hear streaming", "Connect URL". What cannot be honoured at all raises
:class:`~pyai_voice.errors.RequestError`; what can be honoured in part becomes a warning for ``config_ack``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from ...errors import service_error
from .wire import ENCODING, PROTOCOL

__all__ = [
    "LEGACY_PROTOCOL",
    "LONGEST_ENDPOINTING_MS",
    "SHORTEST_ENDPOINTING_MS",
    "StreamRequest",
    "clamp_endpointing",
    "read_request",
]

LEGACY_PROTOCOL = "fusion-v0"
"""The wire that is spoken when ``protocol`` is absent."""
SHORTEST_ENDPOINTING_MS = 50
LONGEST_ENDPOINTING_MS = 5000
MOST_TERMS = 5
"""Vocabulary terms that have an effect."""

_ENCODINGS = frozenset({ENCODING, "pcm_s16le"})
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """The query of a connect address; ``None`` leaves the choice to the server."""

    legacy: bool = False
    """Answer in ``fusion-v0`` names."""
    model: str = "pyai-hear"
    language: str | None = None
    """As asked for, lower case; None to detect it."""
    sample_rate: int = 16000
    interim_results: bool = True
    endpointing_ms: int | None = None
    """Already within 50 to 5000."""
    vocabulary: tuple[str, ...] = ()
    """At most five terms."""
    numerals: bool | None = None
    smart_format: bool | None = None
    dictation: bool | None = None
    drop_fillers: bool | None = None
    warnings: tuple[str, ...] = ()
    """What was changed: for ``config_ack``."""


def read_request(query: Mapping[str, str]) -> StreamRequest:
    """Read a connect query; parameters that are not known are ignored.

    Raises RequestError that names the parameter and what it may be.
    """
    _check_wire(query)
    terms = _vocabulary(query)
    endpointing, warnings = clamp_endpointing(_integer(query, "endpointing_ms"))
    if len(terms) > MOST_TERMS:
        warnings = (*warnings, f"vocabulary_truncated: the first {MOST_TERMS} of {len(terms)} terms are used")
    return StreamRequest(
        legacy=query.get("protocol", LEGACY_PROTOCOL) == LEGACY_PROTOCOL,
        model=query.get("model") or "pyai-hear",
        language=_language(query.get("language", "")),
        sample_rate=_sample_rate(query),
        interim_results=_boolean(query, "interim_results") is not False,
        endpointing_ms=endpointing,
        vocabulary=terms[:MOST_TERMS],
        numerals=_boolean(query, "numerals"),
        smart_format=_boolean(query, "smart_format"),
        dictation=_boolean(query, "dictation"),
        drop_fillers=_boolean(query, "drop_fillers"),
        warnings=warnings,
    )


def clamp_endpointing(asked: int | None) -> tuple[int | None, tuple[str, ...]]:
    """Return the trailing silence to wait for, in milliseconds, and a warning if it is not what was asked for."""
    if asked is None:
        return None, ()
    used = min(max(asked, SHORTEST_ENDPOINTING_MS), LONGEST_ENDPOINTING_MS)
    return used, () if used == asked else (f"endpointing_ms_clamped: asked for {asked}, {used} is used",)


def _check_wire(query: Mapping[str, str]) -> None:
    protocol = query.get("protocol", LEGACY_PROTOCOL)
    if protocol not in (PROTOCOL, LEGACY_PROTOCOL):
        raise service_error(f"protocol: expected {PROTOCOL}, got {protocol[:40]!r}", code="unsupported_parameter")
    encoding = query.get("encoding", ENCODING)
    if encoding not in _ENCODINGS:
        raise service_error(
            f"encoding: expected pcm16 (16-bit little-endian mono), got {encoding[:40]!r}", code="unsupported_format"
        )
    if query.get("channels", "1") != "1":
        raise service_error(
            "channels: a stream is mono; send one stream for each channel", code="unsupported_parameter"
        )


def _sample_rate(query: Mapping[str, str]) -> int:
    rate = _integer(query, "sample_rate")
    if rate is not None and not 8000 <= rate <= 48000:
        raise service_error(f"sample_rate: expected 8000 to 48000, got {rate}", code="unsupported_parameter")
    return rate or 16000


def _integer(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    if len(text) > 9 or not text.removeprefix("-").isdecimal():
        raise service_error(f"{name}: expected a whole number, got {text[:40]!r}", code="invalid_request")
    return int(text)


def _boolean(query: Mapping[str, str], name: str) -> bool | None:
    text = query.get(name, "").lower()
    if text and text not in _BOOLEANS:
        raise service_error(f"{name}: expected true or false, got {text[:40]!r}", code="invalid_request")
    return _BOOLEANS.get(text)


def _language(text: str) -> str | None:
    return None if text.lower() in ("", "auto") else text.lower()


def _vocabulary(query: Mapping[str, str]) -> tuple[str, ...]:
    text = query.get("vocabulary", "")
    if not text:
        return ()
    try:
        terms = json.loads(text)
    except (ValueError, RecursionError):
        terms = None
    if not isinstance(terms, list) or not all(isinstance(term, str) for term in cast("list[object]", terms)):
        raise service_error('vocabulary: expected a JSON array of texts, e.g. ["Nguyen"]', code="invalid_request")
    return tuple(dict.fromkeys(term.strip() for term in cast("list[str]", terms) if term.strip()))
