"""The catalogue of voices.

Source: protocol of PyAI, "Other REST"; AudioPod, "OpenAI Compatibility".
"""

from __future__ import annotations

from pydantic import AliasChoices, Field

from .pages import Pages
from .record import Record
from .resource import Resource

__all__ = ["Voice", "VoiceRequests"]


class Voice(Record):
    """One voice of the catalogue."""

    voice_id: str = Field(validation_alias=AliasChoices("voice_id", "id"))
    """What goes into ``SpeakOptions.voice``."""
    name: str = ""
    gender: str = ""
    """F or M."""
    language: str = ""
    """ISO 639-1 code."""
    region: str = ""
    age: str = ""
    tone: str = ""
    bio: str = ""
    """What it sounds like."""
    avatar_url: str = ""
    preview_url: str = ""
    """A recording of it."""


class VoiceRequests(Resource):
    """The voices that anybody may use; those of one organisation are :mod:`.clones`."""

    feature = "voices"

    def list(self, *, gender: str | None = None, region: str | None = None) -> Pages[Voice]:
        """List the voices. ``gender`` is F or M, ``region`` as in the catalogue; None: all."""
        return self._list(Voice, self._provider.voices_path, {"gender": gender, "region": region})

    async def get(self, voice_id: str) -> Voice:
        """Return one. Raises RequestError (404) if there is none with this id."""
        self._provider.require("voice")
        return await self._read(Voice, "/voices/{voice_id}", voice_id=voice_id)
