"""The callers alone: what their own 50 wake-ups a second cost, before anybody takes the audio."""

from __future__ import annotations

from .caller import Heard

__all__ = ["open_line"]


class NobodysLine:
    """Takes everything and does nothing."""

    async def send(self, pcm: bytes) -> None:
        """Forget it."""

    async def begin(self) -> None:
        """Nothing to do."""

    async def commit(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""


async def open_line(base_url: str, heard: Heard) -> NobodysLine:
    """Open nothing."""
    return NobodysLine()
