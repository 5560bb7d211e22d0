"""What the server offers: models and voices, and the endpoints that list them.

Source: protocol of PyAI, "Other REST"; the OpenRouter provider catalogue of its OpenAPI document.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from ..errors import service_error
from .auth import authorize
from .engines import Synthesizer, Voice

__all__ = ["check_language", "check_model", "find_voice", "models", "openrouter_models", "voice", "voices"]

HEAR_MODELS = frozenset({"pyai-hear", "hear-realtime-1", "whisper-1"})
SPEAK_MODELS = frozenset({"pyai-speak", "pyai-voice", "tts-1", "tts-1-hd"})

_MODELS: dict[str, list[str]] = {
    "pyai-hear": ["transcription", "streaming"],
    "pyai-speak": ["speech"],
    "pyai-voice": ["speech"],
}


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


async def models(request: Request) -> JSONResponse:
    """Serve ``GET /v1/models``."""
    authorize(request)
    entries = [_model(name, capabilities) for name, capabilities in _MODELS.items()]
    return JSONResponse({"object": "list", "data": entries})


async def voices(request: Request) -> JSONResponse:
    """Serve ``GET /v1/voices``, filtered by ``gender`` and ``region`` where they are given."""
    authorize(request)
    entries = [_voice(each) for each in _synthesizer(request).voices]
    for name in ("gender", "region"):
        if wanted := request.query_params.get(name):
            entries = [entry for entry in entries if str(entry[name]).lower() == wanted.lower()]
    return JSONResponse({"object": "list", "data": entries, "has_more": False, "next_cursor": None})


async def voice(request: Request) -> JSONResponse:
    """Serve ``GET /v1/voices/{id}``."""
    authorize(request)
    return JSONResponse(_voice(find_voice(_synthesizer(request), request.path_params["voice_id"], "not_found")))


async def openrouter_models(request: Request) -> JSONResponse:
    """Serve ``GET /v1/providers/openrouter/models``, which needs no key."""
    return JSONResponse(
        {
            "data": [
                _openrouter("pyai-hear", "PyAI: Hear (Speech-to-Text)", ["audio"], ["transcription"]),
                _openrouter("pyai-speak", "PyAI: Speak (Text-to-Speech)", ["text"], ["speech"]),
            ]
        }
    )


def _synthesizer(request: Request) -> Synthesizer:
    return request.app.state.engines.synthesizer


def _model(name: str, capabilities: list[str]) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "local", "capabilities": capabilities}


def _voice(voice: Voice) -> dict[str, Any]:
    return {
        "object": "voice",
        "voice_id": voice.voice_id,
        "id": voice.voice_id,
        "name": voice.name,
        "gender": voice.gender,
        "region": voice.language.partition("-")[2].upper(),
        "age": None,
        "tone": None,
        "bio": voice.bio,
        "language": voice.language,
        "avatar_url": None,
        "preview_url": None,
    }


def _openrouter(name: str, title: str, inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    return {
        "id": name,
        "hugging_face_id": "",
        "name": title,
        "created": 0,
        "description": "The local server's own engine: free, offline, English.",
        "input_modalities": inputs,
        "output_modalities": outputs,
        "pricing": dict.fromkeys(("prompt", "completion", "request", "image", "input_cache_read"), "0"),
        "supported_sampling_parameters": [],
        "supported_features": [],
        "is_ready": True,
        "is_free": True,
        "openrouter": {"slug": f"pyai/{name.removeprefix('pyai-')}"},
        "datacenters": [],
    }
