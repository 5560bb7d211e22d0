"""Our core alone: HearStream."""

from __future__ import annotations

import asyncio

from pyai_voice.events import Transcript
from pyai_voice.hear import HearStream
from pyai_voice.options import Endpoint

from .caller import KEY, Heard

__all__ = ["open_line"]


class CoreLine:
    """One HearStream."""

    def __init__(self, stream: HearStream, heard: Heard) -> None:
        self._stream = stream
        self._task = asyncio.create_task(self._read(heard))

    async def _read(self, heard: Heard) -> None:
        async for event in self._stream:
            if isinstance(event, Transcript) and not event.endpointed:
                heard(event.text)

    async def send(self, pcm: bytes) -> None:
        """Hand over."""
        self._stream.send_audio(pcm)

    async def begin(self) -> None:
        """Nothing to do."""

    async def commit(self) -> None:
        """Ask for the final."""
        self._stream.commit()

    async def close(self) -> None:
        """Close the stream."""
        await self._stream.aclose()
        await self._task


async def open_line(base_url: str, heard: Heard) -> CoreLine:
    """Open a stream; it connects in the background."""
    stream = HearStream(Endpoint.from_env(KEY, base_url))
    stream.start()
    return CoreLine(stream, heard)
