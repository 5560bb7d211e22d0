"""Cloned voices: made of a recording, used as any other voice.

Source: protocol of PyAI, "Other REST" (scope ``speak:clone``, also called ``voice:clone``).
"""

from __future__ import annotations

from pydantic import AliasChoices, Field

from ..errors import service_error
from .pages import Pages
from .record import Record, Time
from .resource import Resource
from .upload import Recording

__all__ = ["Clone", "CloneRequests"]


class Clone(Record):
    """One cloned voice."""

    voice_id: str = Field(validation_alias=AliasChoices("voice_id", "id"))
    """What goes into ``SpeakOptions.voice``."""
    name: str = ""
    status: str = ""
    """``pending``, ``ready`` or ``failed``; an open set."""
    created_at: Time | None = None


class CloneRequests(Resource):
    """The organisation's cloned voices."""

    feature = "clones"

    def list(self) -> Pages[Clone]:
        """List them."""
        return self._list(Clone, "/voice/clones")

    async def get(self, voice_id: str) -> Clone:
        """Return one, looked for in the list: the service has no address for it. Raises RequestError (404)."""
        async for clone in self.list():
            if clone.voice_id == voice_id:
                return clone
        raise service_error(f"There is no cloned voice {voice_id[:60]!r}", code="not_found", status=404)

    async def create(self, name: str, audio: Recording, *, rate: int | None = None, timeout: float = 120.0) -> Clone:
        """Make one of a recording of ten seconds or more: a path, a file's bytes, or pcm with its ``rate``.

        ``timeout`` in seconds, for upload and answer. Raises AudioError for audio that cannot be sent.
        """
        return await self._upload(Clone, "/voice/clones", {"name": name}, "file", (audio, rate), timeout)

    async def delete(self, voice_id: str) -> None:
        """Delete one."""
        await self._delete("/voice/clones/{voice_id}", voice_id=voice_id)
