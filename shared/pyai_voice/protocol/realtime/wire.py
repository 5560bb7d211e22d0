"""Words of OpenAI's Realtime wire: audio formats, refusals, reading what a client sent.

Source: the event types of the ``openai`` package (``openai.types.realtime``). Every message is a JSON text with a
``type``; what cannot be done is answered by an ``error`` event, and the connection stays open.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from ..plain_json import is_shallow

__all__ = [
    "AUDIO_FORMATS",
    "AudioFormat",
    "Fields",
    "Refusal",
    "Unsupported",
    "read_audio",
    "read_event",
    "refusal_of",
    "refuse",
]

LARGEST_AUDIO = 15 << 20
"""Bytes of one ``input_audio_buffer.append``, as OpenAI has it."""
_CODES = {
    "missing": "missing_required_parameter",
    "extra_forbidden": "unknown_parameter",
    "unsupported_parameter": "unsupported_parameter",
}
_OF_UNIONS = frozenset({"server_vad", "semantic_vad", "message", "function_call", "function_call_output"})
"""What pydantic puts into the place of a fault to say which kind of object it took it for; no client knows it."""


class Refusal(Exception):
    """Why an event was not carried out, in OpenAI's words."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param


class Fields(BaseModel):
    """What a client may say: a field that is not known is a fault, as with OpenAI."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _absent(value: object) -> None:
    if value not in (None, [], {}):
        raise PydanticCustomError("unsupported_parameter", "The local server does not have this")


Unsupported = Annotated[Any, BeforeValidator(_absent)]
"""A field of OpenAI's that this server does not have: null, empty or an error."""


def refuse(code: str, message: str, param: str | None = None) -> NoReturn:
    """Raise a Refusal."""
    raise Refusal(code, message, param)


def refusal_of(error: ValidationError, where: str = "") -> Refusal:
    """Return the first fault of a model that was read from the field ``where``; empty: the event itself."""
    fault = error.errors(include_input=False, include_url=False)[0]
    param = where
    for step in fault["loc"]:
        if step not in _OF_UNIONS:
            param += f"[{step}]" if isinstance(step, int) else f".{step}"
    param = param.removeprefix(".")
    return Refusal(_CODES.get(fault["type"], "invalid_value"), f"{_said(fault)}: '{param}'.", param)


def _said(fault: ErrorDetails) -> str:
    match fault["type"]:
        case "missing":
            return "Missing required parameter"
        case "extra_forbidden":
            return "Unknown parameter"
        case _:
            return fault["msg"].removeprefix("Value error, ")


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """How audio is written on the wire."""

    name: str
    """``audio/pcm``, ``audio/pcmu`` or ``audio/pcma``."""
    rate: int
    width: int
    """Bytes a sample."""

    def seconds(self, size: int) -> float:
        """Return how long so many bytes last."""
        return size / (self.rate * self.width)


AUDIO_FORMATS = {
    each.name: each
    for each in (
        AudioFormat("audio/pcm", 24000, 2),
        AudioFormat("audio/pcmu", 8000, 1),
        AudioFormat("audio/pcma", 8000, 1),
    )
}


def read_event(message: str | bytes) -> dict[str, Any]:
    """Return the fields of a client's event. Raises Refusal."""
    if isinstance(message, bytes):
        refuse("invalid_event", "Expected a text message with a JSON object, got a binary message.")
    try:
        value = json.loads(message)
        if not isinstance(value, dict):
            raise ValueError("no object")
        event = cast("dict[str, Any]", value)
        if event.get("type") != "input_audio_buffer.append":
            _check(event)
    except (ValueError, RecursionError):
        refusal = Refusal("invalid_json", "Could not read the message: expected a JSON object.")
    else:
        return event
    raise refusal


def _check(event: dict[str, Any]) -> None:
    """Raise ValueError for what could not be sent back: NaN, half a surrogate pair, an abyss of brackets."""
    if not is_shallow(event):
        raise ValueError("too many levels")
    json.dumps(event, ensure_ascii=False, allow_nan=False).encode()


def read_audio(text: object, audio_format: AudioFormat) -> bytes:
    """Return the bytes of ``input_audio_buffer.append``, whole samples. Raises Refusal."""
    if not isinstance(text, str):
        refuse("missing_required_parameter", "Missing required parameter: 'audio'.", "audio")
    if len(text) > LARGEST_AUDIO * 4 // 3:
        refuse("invalid_value", f"Invalid 'audio': more than {LARGEST_AUDIO >> 20} MiB.", "audio")
    try:
        audio = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        refuse("invalid_value", "Invalid 'audio': expected base64-encoded bytes.", "audio")
    if len(audio) % audio_format.width:
        refuse("invalid_value", f"Invalid 'audio': half a sample of {audio_format.name}.", "audio")
    return audio
