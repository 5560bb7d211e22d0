"""What the server offers: is this a model, a language, a voice?"""

from __future__ import annotations

from ..errors import service_error
from .engines import Synthesizer, Voice

__all__ = ["HEAR_MODELS", "SPEAK_MODELS", "check_language", "check_model", "find_voice"]

HEAR_MODELS = frozenset({"pyai-hear", "hear-realtime-1", "whisper-1"})
SPEAK_MODELS = frozenset({"pyai-speak", "pyai-voice", "tts-1", "tts-1-hd"})


def check_model(model: str, known: frozenset[str]) -> None:
    """Raise RequestError unless the model is one of ``known``."""
    if model not in known:
        raise service_error(
            f"model: unknown model {model[:60]!r}; expected one of {', '.join(sorted(known))}", code="unknown_model"
        )


def check_language(language: str | None, known: frozenset[str]) -> None:
    """Raise RequestError unless the recogniser knows the language (``en-US`` counts as ``en``)."""
    if language is not None and language.partition("-")[0].lower() not in known:
        raise service_error(
            f"language: the local engine knows {', '.join(sorted(known))}, not {language[:20]!r}",
            code="unsupported_language",
        )


def find_voice(synthesizer: Synthesizer, voice_id: str, code: str = "unknown_voice") -> Voice:
    """Return a voice by id or alias, the default for "". Raises RequestError with ``code``."""
    found = synthesizer.find(voice_id)
    if found is None:
        raise service_error(f"voice: there is no voice {voice_id[:60]!r}; list them with GET /v1/voices", code=code)
    return found
