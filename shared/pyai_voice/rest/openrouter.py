"""The catalogue of models as OpenRouter wants it of a provider.

Source: PyAI's OpenAPI document, ``GET /v1/providers/openrouter/models``.
"""

from __future__ import annotations

from pydantic import Field, OnErrorOmit

from .pages import Pages
from .record import Record, Time
from .resource import Resource

__all__ = ["Datacenter", "OpenRouterModel", "OpenRouterName", "OpenRouterRequests", "Pricing"]


class Pricing(Record):
    """US dollars for a unit, as texts so that no digit is lost."""

    prompt: str = "0"
    completion: str = "0"
    request: str = "0"
    image: str = "0"
    input_cache_read: str = "0"


class OpenRouterName(Record):
    """What OpenRouter calls a model."""

    slug: str = ""


class Datacenter(Record):
    """Where a model runs."""

    country_code: str = ""


class OpenRouterModel(Record):
    """One model."""

    id: str
    """What OpenRouter calls this provider with."""
    hugging_face_id: str = ""
    name: str = ""
    created: Time | None = None
    description: str = ""
    input_modalities: tuple[OnErrorOmit[str], ...] = ()
    output_modalities: tuple[OnErrorOmit[str], ...] = ()
    """transcription, speech, audio, text."""
    context_length: int | None = None
    """Tokens; None for audio."""
    max_output_length: int | None = None
    pricing: Pricing = Pricing()
    supported_sampling_parameters: tuple[OnErrorOmit[str], ...] = ()
    supported_features: tuple[OnErrorOmit[str], ...] = ()
    is_ready: bool = Field(default=False)
    """False: there, but hidden on OpenRouter."""
    is_free: bool = False
    openrouter: OpenRouterName = OpenRouterName()
    datacenters: tuple[OnErrorOmit[Datacenter], ...] = ()


class OpenRouterRequests(Resource):
    """The provider's catalogue; the service asks for no key, and none of its scopes."""

    feature = "openrouter"

    def list(self) -> Pages[OpenRouterModel]:
        """List the models."""
        return self._list(OpenRouterModel, "/providers/openrouter/models")
