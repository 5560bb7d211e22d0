"""Designed voices: made from a description.

Source: protocol of PyAI, "Other REST" (scope ``speak:design``, also called ``voice:design``).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasChoices, Field, OnErrorOmit

from .record import Body, Record
from .resource import Resource

__all__ = ["Design", "DesignSettings", "DesignedVoice", "VoiceAttributes", "VoiceDesignRequests"]


class VoiceAttributes(Body):
    """What is fixed about the voice; the description says the rest."""

    gender: str | None = None
    age: str | None = None
    accent: str | None = None
    pace: str | None = None
    energy: str | None = None


class DesignSettings(Body):
    """How voices are designed."""

    candidates: Annotated[int, Field(ge=1, le=4)] = 3
    """How many to choose from."""
    sample_text: str | None = None
    """What they say in their previews."""
    attributes: VoiceAttributes | None = None


class DesignedVoice(Record):
    """One candidate."""

    voice_id: str = Field(validation_alias=AliasChoices("voice_id", "id"))
    """What goes into ``SpeakOptions.voice``."""
    status: str = ""
    preview_url: str = ""


class Design(Record):
    """A request for voices."""

    design_id: str = Field(validation_alias=AliasChoices("design_id", "id"))
    status: str = ""
    """An open set."""
    candidates: tuple[OnErrorOmit[DesignedVoice], ...] = ()
    """Those that are there already."""
    estimated_seconds: float | None = None
    """How long the rest will take."""


class VoiceDesignRequests(Resource):
    """Voices from descriptions."""

    feature = "voice_design"

    async def create(self, prompt: str, settings: DesignSettings | None = None) -> Design:
        """Have voices designed that are as ``prompt`` says."""
        settings = settings or DesignSettings()
        return await self._send(Design, "POST", "/voice/design", {"prompt": prompt, **settings.body()})
