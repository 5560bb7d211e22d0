"""Cloned voices: the recordings they are to be made of.

Source: protocol of PyAI, "Other REST" (``/v1/voice/clones``).
"""

from __future__ import annotations

from typing import Literal

from .collection import Collection
from .database import Database
from .records import Record, new_id, now_ms

__all__ = ["Clone", "Clones"]

_MOST = 100
"""Clones of one organisation."""


class Clone(Record):
    """One cloned voice."""

    object: Literal["voice"] = "voice"
    id: str
    voice_id: str
    """The same again, as the catalogue of voices has it."""
    name: str
    status: Literal["pending", "ready", "failed"] = "ready"
    """Whether the recording is stored."""
    speakable: bool = False
    """Whether the server's engine can speak with it: the local one cannot."""
    audio_seconds: float
    created_at: int
    """Unix milliseconds."""


class Clones:
    """The clones of every organisation."""

    def __init__(self, database: Database) -> None:
        self._clones = Collection(database, "cloned voice", Clone, most=_MOST)

    async def create(self, organisation: str, name: str, recording: bytes, seconds: float) -> Clone:
        """Keep a recording as a clone."""
        identifier = new_id("clone")
        clone = Clone(id=identifier, voice_id=identifier, name=name, audio_seconds=seconds, created_at=now_ms())
        return await self._clones.add(organisation, identifier, clone, recording)

    async def list(self, organisation: str) -> list[Clone]:
        """Return all of an organisation, oldest first."""
        return await self._clones.all(organisation)

    async def find(self, organisation: str, voice_id: str) -> Clone | None:
        """Return one, or None."""
        return await self._clones.find(organisation, voice_id)

    async def remove(self, organisation: str, voice_id: str) -> None:
        """Delete one with its recording. Raises RequestError ``not_found``."""
        await self._clones.remove(organisation, voice_id)
