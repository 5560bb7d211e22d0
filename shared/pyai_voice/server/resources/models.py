"""The models: ``/v1/models``, and the catalogue that OpenRouter reads.

Source: protocol of PyAI, "Other REST"; the OpenRouter provider catalogue of its OpenAPI document.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from ..operations import Asked, Listed, Operation

__all__ = ["operations"]

_MODELS: dict[str, list[str]] = {
    "pyai-hear": ["transcription", "streaming"],
    "pyai-hear-telephony": ["transcription", "jobs"],
    "pyai-speak": ["speech"],
    "pyai-voice": ["speech"],
    "pyai-omni-realtime": ["realtime", "speech-to-speech", "agents"],
    "pyai-amd": ["answering-machine-detection"],
}


class Model(BaseModel):
    """One model."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "local"
    capabilities: list[str]


class Pricing(BaseModel):
    """Dollars a unit, as text: everything is free here."""

    prompt: str = "0"
    completion: str = "0"
    request: str = "0"
    image: str = "0"
    input_cache_read: str = "0"


class OpenRouterModel(BaseModel):
    """One model as OpenRouter lists it."""

    id: str
    hugging_face_id: str = ""
    name: str
    created: int = 0
    """Unix seconds."""
    description: str = "The local server's own engine: free, offline, English."
    input_modalities: list[str]
    output_modalities: list[str]
    pricing: Pricing = Pricing()
    supported_sampling_parameters: list[str] = []
    supported_features: list[str] = []
    is_ready: bool = True
    is_free: bool = True
    openrouter: dict[str, str]
    datacenters: list[dict[str, str]] = []


class OpenRouterModels(BaseModel):
    """All of them."""

    data: list[OpenRouterModel]


async def _list(asked: Asked) -> Listed[Model]:
    return Listed(data=[Model(id=name, capabilities=capabilities) for name, capabilities in _MODELS.items()])


async def _openrouter(asked: Asked) -> OpenRouterModels:
    hear = _entry("hear", "PyAI: Hear (Speech-to-Text)", "audio", "transcription")
    speak = _entry("speak", "PyAI: Speak (Text-to-Speech)", "text", "speech")
    return OpenRouterModels(data=[hear, speak])


def _entry(name: str, title: str, takes: str, makes: str) -> OpenRouterModel:
    return OpenRouterModel(
        id=f"pyai-{name}",
        name=title,
        input_modalities=[takes],
        output_modalities=[makes],
        openrouter={"slug": f"pyai/{name}"},
    )


operations = [
    Operation("GET", "/v1/models", _list, answer=Listed[Model]),
    Operation("GET", "/v1/providers/openrouter/models", _openrouter, public=True, answer=OpenRouterModels),
]
