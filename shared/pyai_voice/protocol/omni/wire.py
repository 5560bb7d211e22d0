"""Words of the Omni wire, shared by both roles: tags, the connect address, reading and writing a message.

Source: protocol of PyAI, "Omni native". Every message is binary and its first byte is its tag:

    tag   client to server                    server to client
    0x01  caller's audio, PCM16 at ``rate``   agent's audio, PCM16 at the announced rate
    0x02  nothing                             words: a plain UTF-8 delta of the caller, or a JSON transcript
    0x03  JSON keyed on ``type``              JSON keyed on ``event``
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import urlencode

from ...errors import ConfigurationError
from ..hear.wire import Message
from ..plain_json import read_json

if TYPE_CHECKING:
    from ...omni_options import OmniOptions

__all__ = [
    "AUDIO",
    "CONTROL",
    "TOUCH_TONES",
    "WORDS",
    "Audio",
    "Control",
    "Malformed",
    "Message",
    "Words",
    "announced_rate",
    "audio_message",
    "compact",
    "connect_path",
    "control_message",
    "read_client_message",
    "read_server_message",
    "touch_tones",
    "transcript",
    "words_message",
]

AUDIO, WORDS, CONTROL = 0x01, 0x02, 0x03
"""The tags."""

LONGEST_BODY = 16_384
"""Bytes of words or of an event."""
LONGEST_TEXT = 4_000
"""Characters of a transcript."""
LONGEST_CONTROL = 262_144
"""Bytes of a client's control message: a persona of 32,000 characters and its tools fit."""

TOUCH_TONES = re.compile(r"[0-9A-D*#]{1,64}")
"""Digits of a telephone."""

_RATE = re.compile(r"pcm16@(8000|16000|24000)")
_CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""All but tab, newline and return; half a surrogate pair could not be written anywhere."""
_ROLES: dict[str, Literal["caller", "agent"]] = {
    "user": "caller",
    "caller": "caller",
    "assistant": "agent",
    "agent": "agent",
}
_FAILURE_KEYS = ("detail", "error", "event")


@dataclass(frozen=True, slots=True)
class Audio:
    """Sound: whole samples, perhaps none."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class Control:
    """A JSON object of tag 0x03 (or a failure on 0x01)."""

    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Words:
    """A transcript."""

    text: str
    speaker: Literal["caller", "agent"] = "caller"
    replaces: bool = False
    """It stands for all earlier words of the same turn; else it is added to them."""
    final: bool = False
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Malformed:
    """What the protocol does not allow."""

    reason: str


def touch_tones(digits: str) -> str:
    """Return digits as they are sent. Raises ConfigurationError for what no telephone can send."""
    if not TOUCH_TONES.fullmatch(digits.upper()):
        raise ConfigurationError(
            "digits: expected 0 to 9, A to D, * and #, at most 64", code="invalid_option", hint="Leave out spaces"
        )
    return digits.upper()


def connect_path(options: OmniOptions) -> str:
    """Return path and query of the connect address; ``format`` and ``rate`` always, the label where there is one."""
    model = "pyai-omni-realtime" if options.surface == "realtime" else None
    wanted = {"model": model, "session_label": options.session_label, "format": "pcm16", "rate": str(options.rate)}
    query = {name: value for name, value in {**options.query, **wanted}.items() if value is not None}
    return f"/{options.surface}?{urlencode(query)}"


def announced_rate(said: object) -> int | None:
    """Return the samples a second of ``pcm16@24000``; None for anything else."""
    match = _RATE.fullmatch(said) if isinstance(said, str) else None
    return int(match[1]) if match else None


# Writing


def audio_message(pcm: bytes) -> bytes:
    """Return an audio message; ``pcm`` has whole samples."""
    return bytes((AUDIO,)) + pcm


def words_message(text: str) -> bytes:
    """Return a caller's delta as plain UTF-8."""
    return bytes((WORDS,)) + text.encode()


def control_message(fields: dict[str, Any]) -> bytes:
    """Return a control message or event. Raises TypeError, ValueError or RecursionError for what JSON cannot say."""
    return bytes((CONTROL,)) + compact(fields)


def compact(value: object) -> bytes:
    """Return compact JSON. Raises TypeError, ValueError or RecursionError for what JSON cannot say."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")


# Reading


def read_server_message(message: Message) -> Audio | Words | Control | Malformed:
    """Read what a server sent. Never raises."""
    if isinstance(message, str) or not message:
        return Malformed("a message without a tag")
    body = message[1:]
    match message[0]:
        case tag if tag == AUDIO:
            return _failure(body) or _audio(body)
        case tag if tag == WORDS:
            return _words(body)
        case tag if tag == CONTROL:
            return _control(body, LONGEST_BODY)
        case tag:
            return Malformed(f"the unknown tag {tag}")


def read_client_message(message: Message) -> Audio | Control | Malformed:
    """Read what a client sent. Never raises."""
    if isinstance(message, str) or not message:
        return Malformed("a message without a tag")
    match message[0]:
        case tag if tag == AUDIO:
            return _audio(message[1:])
        case tag if tag == CONTROL:
            return _control(message[1:], LONGEST_CONTROL)
        case tag:
            return Malformed(f"the unknown tag {tag}")


def _audio(body: bytes) -> Audio | Malformed:
    return Malformed("half a sample of audio") if len(body) % 2 else Audio(body)


def _failure(body: bytes) -> Control | None:
    """Return what an engine that fails says in the place of audio: sound may begin with a brace as well."""
    if not body.startswith(b"{") or len(body) > LONGEST_BODY:
        return None
    fields = _object(body)
    return Control(fields) if fields is not None and any(key in fields for key in _FAILURE_KEYS) else None


def _control(body: bytes, longest: int) -> Control | Malformed:
    if len(body) > longest:
        return Malformed(f"a control message of {len(body)} bytes")
    fields = _object(body)
    return Malformed("a control message that is no JSON object") if fields is None else Control(fields)


def _object(body: bytes, *, mend: bool = True) -> dict[str, Any] | None:
    try:
        value = read_json(body, mend=mend)
    except ValueError:
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _words(body: bytes) -> Words | Malformed:
    if not body or len(body) > LONGEST_BODY:
        return Malformed(f"words of {len(body)} bytes")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return Malformed("words that are no UTF-8")
    if text.lstrip(" ").startswith("{"):
        fields = _object(body, mend=False)  # words with half a character are none
        return Malformed("words that are no JSON object") if fields is None else transcript(fields)
    return _checked(Words(text))


def transcript(fields: dict[str, Any]) -> Words | Malformed:
    """Read a JSON transcript: ``delta`` adds, ``text`` or ``transcript`` replaces."""
    role = fields.get("role", fields.get("speaker"))
    speaker = _ROLES.get(role) if isinstance(role, str) else None
    final, sequence = fields.get("final", False), fields.get("sequence")
    if "type" in fields or fields.get("event", "transcript") != "transcript":
        return Malformed("words with the key of another message")
    if speaker is None or not isinstance(final, bool):
        return Malformed("words without a speaker, or whose final is neither true nor false")
    if sequence is not None and (isinstance(sequence, bool) or not isinstance(sequence, int) or sequence < 0):
        return Malformed("words whose sequence is no number")
    said = next((fields[name] for name in ("delta", "text", "transcript") if name in fields), None)
    if not isinstance(said, str):
        return Malformed("words without a text")
    return _checked(Words(said, speaker, "delta" not in fields, final, sequence))


def _checked(words: Words) -> Words | Malformed:
    if not words.text or len(words.text) > LONGEST_TEXT:
        return Malformed(f"words of {len(words.text)} characters")
    return Malformed("words with control characters") if _CONTROL_CHARACTER.search(words.text) else words
