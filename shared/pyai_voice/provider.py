"""What differs between speech services that speak OpenAI's audio shapes.

PyAI is the home of every feature; others, such as AudioPod (its page "OpenAI Compatibility"),
have three endpoints, their own base path and their own key header.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .errors import UnsupportedError

__all__ = ["AUDIOPOD", "PYAI", "Provider"]

_REMEDY = {
    "amd": "Use the carrier's detection, or a PyAI endpoint",
    "omni": "Use Hear, a language model and Speak, or a PyAI endpoint",
    "hear_stream": "Use transcribe() on whole recordings, or a PyAI endpoint",
    "translate": "Use a provider that has /v1/audio/translations",
}


@dataclass(frozen=True, slots=True)
class Provider:
    """One service's profile."""

    name: str
    """How error messages call it."""
    origin: str
    """Default origin, without a path."""
    path: str
    """What stands before ``/audio/speech`` and the like."""
    key_variable: str
    """Environment variable that holds the key."""
    base_url_variable: str
    """Environment variable that holds another base URL."""
    features: frozenset[str]
    """What it offers: amd, omni, hear_stream, hear, translate, speak, voices, voice, models, me, and the
    parts of the platform by their names on :class:`~pyai_voice.client.Client`."""
    speech_formats: frozenset[str]
    """Values of ``response_format`` that it knows."""
    pcm_rates: frozenset[int]
    """Sample rates at which it can send pcm; any other is resampled here."""
    speech_fields: frozenset[str]
    """Optional fields of a speech request that it knows, ``sample_rate`` among them."""
    transcription_fields: frozenset[str]
    """Optional fields of a transcription request that it knows."""
    voices_path: str = "/voices"
    """Where its catalogue of voices is, below ``path``."""

    def require(self, feature: str) -> None:
        """Raise :class:`UnsupportedError` if the provider lacks a feature."""
        if feature not in self.features:
            raise UnsupportedError(
                f"{self.name} does not offer {feature}", code="unsupported_feature", hint=_REMEDY.get(feature, "")
            )

    def require_format(self, response_format: str) -> None:
        """Raise :class:`UnsupportedError` if the provider cannot speak in a format."""
        if response_format not in self.speech_formats:
            raise UnsupportedError(
                f"response_format: {self.name} does not offer {response_format}",
                code="unsupported_format",
                hint=f"Use one of {', '.join(sorted(self.speech_formats))}",
            )

    def require_fields(self, wanted: Iterable[str], known: frozenset[str]) -> None:
        """Raise :class:`UnsupportedError` naming the options that the provider does not know."""
        if lacking := sorted(set(wanted) - known):
            raise UnsupportedError(
                f"{', '.join(lacking)}: {self.name} does not offer this",
                code="unsupported_parameter",
                hint="Leave it unset",
            )

    def native_rate(self, rate: int) -> int:
        """Return the rate to ask for so that ``rate`` can be made of it: itself, the next higher, else the highest."""
        return min((native for native in self.pcm_rates if native >= rate), default=max(self.pcm_rates))


_PLATFORM = frozenset(
    "agents calls clones jobs keys knowledge openrouter".split()
    + "recap sessions telephony tools trace voice_design webhooks".split()
)

PYAI = Provider(
    name="PyAI",
    origin="https://api.pyai.com",
    path="/v1",
    key_variable="PYAI_API_KEY",
    base_url_variable="PYAI_BASE_URL",
    features=frozenset(
        {"amd", "omni", "hear_stream", "hear", "translate", "speak", "voices", "voice", "models", "me"},
    )
    | _PLATFORM,
    speech_formats=frozenset({"wav", "mp3", "opus", "aac", "flac", "pcm", "g711_ulaw", "g711_alaw"}),
    pcm_rates=frozenset({8000, 16000, 24000, 48000}),
    speech_fields=frozenset({"sample_rate", "speed", "seed", "temperature"}),
    transcription_fields=frozenset(
        {"language", "vocabulary", "numerals", "smart_format", "dictation", "drop_fillers"},
    ),
)
"""The service this package is made for, and the local server (which adds translations)."""

AUDIOPOD = Provider(
    name="AudioPod",
    origin="https://api.audiopod.ai",
    path="/api/v1",
    key_variable="AUDIOPOD_API_KEY",
    base_url_variable="AUDIOPOD_BASE_URL",
    features=frozenset({"hear", "translate", "speak", "voices"}),
    speech_formats=frozenset({"wav", "mp3", "opus", "aac", "flac", "pcm"}),
    pcm_rates=frozenset({24000}),
    speech_fields=frozenset({"speed"}),
    transcription_fields=frozenset({"language", "prompt"}),
    voices_path="/voice/voice-profiles",
)
"""AudioPod's OpenAI-compatible endpoints: no error codes, the model is accepted and ignored."""
