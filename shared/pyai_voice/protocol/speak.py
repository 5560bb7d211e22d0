"""Speak without I/O: what a request says, and whether the answer is the audio that was asked for.

Source: protocol of PyAI, section "Speak". Services were seen to answer 200 with an error as JSON, and with a WAV file
where headerless pcm was asked for: played as it is, either is noise.
"""

from __future__ import annotations

import re
from typing import Any

from ..errors import ConfigurationError
from ..options import SpeakOptions, SpeechFormat
from ..provider import Provider

__all__ = ["HEAD", "MEDIA_TYPES", "PATH", "is_json", "misfit", "speech_request", "yielded_rate"]

PATH = "/audio/speech"
HEAD = 16
"""Bytes of a body that :func:`is_json` and :func:`misfit` want to see."""

MEDIA_TYPES: dict[SpeechFormat, str] = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "pcm": "audio/pcm",
    "g711_ulaw": "audio/basic",
    "g711_alaw": "audio/basic",
}
"""Content type of each format."""

_OTHER_NAMES = {
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/mp3": "audio/mpeg",
    "audio/opus": "audio/ogg",
    "audio/x-flac": "audio/flac",
    "audio/aacp": "audio/aac",
    "audio/x-aac": "audio/aac",
    "audio/l16": "audio/pcm",
}
_MAGIC = {
    b"RIFF": "audio/wav",
    b"OggS": "audio/ogg",
    b"fLaC": "audio/flac",
    b"ID3\x03": "audio/mpeg",
    b"ID3\x04": "audio/mpeg",
}
_MARKED = frozenset({"audio/wav", "audio/ogg", "audio/flac"})
"""Content types whose bodies always begin with their mark."""
_JSON = re.compile(rb'\s*\{\s*("(error|detail|message|code|type|title|statu)|\})')
_MARKUP = re.compile(rb"(?i)\s*<(!doctype|html|\?xml)")


def speech_request(text: str, options: SpeakOptions, provider: Provider) -> dict[str, Any]:
    """Return the JSON body of a request; options that are None are left out.

    Raises ConfigurationError for text without content and for a rate that the format cannot have,
    UnsupportedError for what the provider lacks.
    """
    if not text.strip():
        raise ConfigurationError("text: there is nothing to say", code="empty_text", hint="Give at least one word")
    provider.require("speak")
    provider.require_format(options.response_format)
    extras = {"speed": options.speed, "seed": options.seed, "temperature": options.temperature}
    wanted = {name: value for name, value in extras.items() if value is not None}
    provider.require_fields(wanted, provider.speech_fields)
    body = {"model": options.model, "input": text, "response_format": options.response_format, **wanted}
    if options.voice:
        body["voice"] = options.voice
    rate = _asked_rate(options, provider)
    if rate is not None and "sample_rate" in provider.speech_fields:
        body["sample_rate"] = rate
    return body


def _asked_rate(options: SpeakOptions, provider: Provider) -> int | None:
    if options.response_format == "pcm":
        return provider.native_rate(options.sample_rate)
    if options.response_format != "wav":
        return None  # g711 is always 8000 and refuses the field; the compressed formats have their own
    if options.sample_rate not in provider.pcm_rates:
        rates = ", ".join(map(str, sorted(provider.pcm_rates)))
        raise ConfigurationError(
            f"sample_rate: {provider.name} streams wav at {rates} only",
            code="invalid_option",
            hint="Stream pcm, which is resampled, or ask for the whole file with speak()",
        )
    return options.sample_rate


def yielded_rate(options: SpeakOptions) -> int | None:
    """Return the samples a second of what a stream yields; None where the format says it itself."""
    if options.response_format in ("pcm", "wav"):
        return options.sample_rate
    return 8000 if options.response_format.startswith("g711") else None


def is_json(media_type: str, head: bytes) -> bool:
    """Tell whether a body is JSON, whatever its content type says."""
    return media_type.endswith("json") or _JSON.match(head) is not None


def misfit(response_format: SpeechFormat, media_type: str, head: bytes) -> str:
    """Return what came instead of the format that was asked for; "" where it fits. An empty body always fits."""
    if not head:
        return ""
    asked = MEDIA_TYPES[response_format]
    said = _OTHER_NAMES.get(media_type, media_type)
    if media_type.startswith("text/") or _MARKUP.match(head):
        return media_type if media_type.startswith("text/") else "a web page"
    if said in MEDIA_TYPES.values() and said != asked:
        return media_type
    found = _MAGIC.get(head[:4], asked if asked not in _MARKED else "something else")
    return "" if found == asked else found
