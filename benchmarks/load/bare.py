"""The limit: a loop over a ``websockets`` connection and nothing else."""

from __future__ import annotations

import asyncio
import json

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from .caller import KEY, Heard

__all__ = ["open_line"]

_QUERY = "protocol=pyai-hear-v1&model=pyai-hear&sample_rate=16000&encoding=pcm16&interim_results=true"


class BareLine:
    """Sends each chunk, reads each message."""

    def __init__(self, socket: ClientConnection, heard: Heard) -> None:
        self.send = socket.send
        self._socket = socket
        self._task = asyncio.create_task(self._read(heard))

    async def _read(self, heard: Heard) -> None:
        async for message in self._socket:
            fields = json.loads(message)
            if fields["type"] == "partial":
                heard(fields["text"])

    async def begin(self) -> None:
        """Nothing to do."""

    async def commit(self) -> None:
        """Ask for the final."""
        await self._socket.send('{"type":"commit"}')

    async def close(self) -> None:
        """Close the socket."""
        await self._socket.close()
        await self._task


async def open_line(base_url: str, heard: Heard) -> BareLine:
    """Connect."""
    url = f"ws{base_url.removeprefix('http')}/v1/audio/transcriptions/stream?{_QUERY}"
    names = [Subprotocol("pyai.v1"), Subprotocol(f"pyai-key.{KEY}")]
    return BareLine(await connect(url, subprotocols=names, proxy=None), heard)
