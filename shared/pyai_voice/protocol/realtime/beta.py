"""The older shape of the events, as the beta of the API had it: flat settings, other names.

Above: :mod:`.server`, which speaks today's shape only; what a client of the beta says is turned into it before it is
read, and what it is told is turned back. Source: ``openai.types.beta.realtime``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

__all__ = ["from_beta", "to_beta"]

_PLACES: dict[str, tuple[str, ...]] = {
    "modalities": ("output_modalities",),
    "max_response_output_tokens": ("max_output_tokens",),
    "input_audio_format": ("audio", "input", "format"),
    "input_audio_transcription": ("audio", "input", "transcription"),
    "input_audio_noise_reduction": ("audio", "input", "noise_reduction"),
    "turn_detection": ("audio", "input", "turn_detection"),
    "output_audio_format": ("audio", "output", "format"),
    "voice": ("audio", "output", "voice"),
    "speed": ("audio", "output", "speed"),
}
"""Field of the beta -> where it is today."""
_FORMATS = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}
_FORMAT_NAMES = {name: old for old, name in _FORMATS.items()}
_EVENTS = {
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "conversation.item.added": "conversation.item.created",
}
_NOT_IN_BETA = frozenset({"conversation.item.done"})
_PARTS = {"output_text": "text", "output_audio": "audio"}


def from_beta(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a session or a response with every flat field of the beta in today's place."""
    today: dict[str, Any] = {name: _copied(value) for name, value in fields.items() if name not in _PLACES}
    for name in sorted(_PLACES.keys() & fields.keys()):
        _put(today, _PLACES[name], _value(name, fields[name]))
    return today


def _put(place: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    step, *rest = path
    if not rest:
        place[step] = value
    elif isinstance(place.setdefault(step, {}), dict):  # else it is wrong, and whoever reads it says so
        _put(place[step], tuple(rest), value)


def _copied(value: object) -> object:
    """Copy the objects that a flat field may be put into; the client's own event stays as it is."""
    if not isinstance(value, dict):
        return value
    return {name: _copied(within) for name, within in cast("dict[str, Any]", value).items()}


def _value(name: str, value: object) -> object:
    if name.endswith("_format") and isinstance(value, str):
        return {"type": _FORMATS.get(value, value)}
    if name == "modalities" and isinstance(value, list) and "audio" in value:
        return ["audio"]
    return cast("object", value)


def to_beta(event: dict[str, Any]) -> dict[str, Any] | None:
    """Return an event as the beta had it; None for one that it did not have."""
    kind = event["type"]
    if kind in _NOT_IN_BETA:
        return None
    changed = {**event, "type": _EVENTS.get(kind, kind)}
    if "session" in event:
        changed["session"] = _session(event["session"])
    if "item" in event:
        changed["item"] = _item(event["item"])
    if "response" in event:
        changed["response"] = _response(event["response"])
    return changed


def _session(session: Mapping[str, Any]) -> dict[str, Any]:
    heard, spoken = session["audio"]["input"], session["audio"]["output"]
    kept = {name: session[name] for name in ("id", "object", "model", "instructions", "tools", "tool_choice")}
    return {
        **kept,
        "modalities": _modalities(session["output_modalities"]),
        "voice": spoken["voice"],
        "speed": spoken["speed"],
        "input_audio_format": _FORMAT_NAMES[heard["format"]["type"]],
        "output_audio_format": _FORMAT_NAMES[spoken["format"]["type"]],
        "input_audio_transcription": heard["transcription"],
        "turn_detection": heard["turn_detection"],
        "max_response_output_tokens": session["max_output_tokens"],
    }


def _response(response: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in response.items() if name not in ("audio", "output_modalities", "output")}
    spoken = response["audio"]["output"]
    return {
        **kept,
        "modalities": _modalities(response["output_modalities"]),
        "voice": spoken["voice"],
        "output_audio_format": _FORMAT_NAMES[spoken["format"]["type"]],
        "output": [_item(item) for item in response["output"]],
    }


def _modalities(today: list[str]) -> list[str]:
    return ["text", "audio"] if "audio" in today else ["text"]


def _item(item: Mapping[str, Any]) -> dict[str, Any]:
    if "content" not in item:
        return dict(item)
    return {**item, "content": [{**part, "type": _PARTS.get(part["type"], part["type"])} for part in item["content"]]}
