"""The least server that speaks Hear: a process of its own, so that only the clients' work is counted.

    python -m benchmarks.hear_server

It hears speech as samples louder than ``LOUD``. It sends the first partial of an utterance after ``FIRST`` seconds of
its audio have come, further ones every ``EVERY`` seconds of time, and a final for each commit. Each partial's text is
``WORD NANOSECONDS BYTES``: "onset" or "tick", the moment on the machine's monotonic clock, the audio that has come.
"""

from __future__ import annotations

import asyncio
import json
import random
import time

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from .children import say_hello

__all__ = ["CHUNK", "EVERY", "FIRST", "LOUD", "RATE"]

RATE = 16000
CHUNK = RATE // 50 * 2
"""Bytes of 20 ms."""
LOUD = 1000
FIRST = 0.2
EVERY = 0.2
_MARKER = "pyai.v1"


class Session:
    """One connection."""

    def __init__(self, socket: ServerConnection) -> None:
        self._socket = socket
        self._received = 0
        self._speech = 0
        self._utterance = 0
        self._ticking: asyncio.Task[None] | None = None

    async def converse(self) -> None:
        """Acknowledge, then hear until the client is gone."""
        await self._say(type="config_ack", endpointing_ms=800, warnings=[], session_id="bench")
        try:
            async for message in self._socket:
                await (self._hear(message) if isinstance(message, bytes) else self._finish())
        except ConnectionClosed:
            pass
        finally:
            self._stop()

    async def _hear(self, audio: bytes) -> None:
        for at in range(0, len(audio), CHUNK):
            self._received += CHUNK
            loud = abs(int.from_bytes(audio[at : at + 2], "little", signed=True)) > LOUD
            self._speech += CHUNK * (loud or self._speech > 0)
        if self._ticking is None and self._speech >= FIRST * RATE * 2:
            await self._partial("onset")
            self._ticking = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        due = asyncio.get_running_loop().time() + random.uniform(0.5, 1) * EVERY
        while True:
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            await self._partial("tick")
            due += EVERY

    async def _partial(self, word: str) -> None:
        await self._say(
            type="partial",
            stable_text="",
            utterance_id=f"u{self._utterance}",
            t_ms=self._received * 500 // RATE,
            active_text=(text := f"{word} {time.monotonic_ns()} {self._received}"),
            text=text,
        )

    async def _finish(self) -> None:
        """Answer a commit."""
        self._stop()
        words = {
            "text": "that was it",
            "utterance_id": f"u{self._utterance}",
            "t_ms": self._received * 500 // RATE,
            "audio_ms": self._speech * 500 // RATE,
            "endpoint_reason": "client_commit",
        }
        await self._say(type="speech_final", **words)
        await self._say(type="final", **words)
        self._utterance += 1
        self._speech = 0

    def _stop(self) -> None:
        if self._ticking:
            self._ticking.cancel()
            self._ticking = None

    async def _say(self, **fields: object) -> None:
        try:
            await self._socket.send(json.dumps(fields))
        except ConnectionClosed:
            pass


async def main() -> None:
    """Serve on a free port of this machine, print it, until killed."""
    async with serve(
        lambda socket: Session(socket).converse(),
        "127.0.0.1",
        0,
        select_subprotocol=lambda _, offered: next((name for name in offered if name == _MARKER), None),
        compression=None,  # what PyAI's own edge does is not known; compressing would cost the official package more
        close_timeout=0.5,
        max_size=None,
    ) as server:
        say_hello(base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
