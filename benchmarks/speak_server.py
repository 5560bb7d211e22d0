"""The least server that speaks: a process of its own.

    python -m benchmarks.speak_server FIRST SECONDS FACTOR

Each of ``SENTENCES`` that a text holds becomes SECONDS of one sample value, ``LEVEL`` times its number. The first byte
comes after FIRST seconds, the body at FACTOR of the speed of sound: 1 is real time, 0.3 three times as fast.
"""

from __future__ import annotations

import asyncio
import json
import sys

from .children import say_hello

__all__ = ["LEVEL", "RATE", "SENTENCES"]

RATE = 24000
LEVEL = 1000
SENTENCES = (
    "This is the first of the three sentences.",
    "And here the second one follows at once.",
    "With the third and last of them all is said.",
)
_AHEAD = 0.1
"""Seconds of audio that come at once with the first byte, as from a synthesiser that works in pieces."""
_CHUNK = 0.04


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            size = next((int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:")), 0)
            body = await reader.readexactly(size)
            await (_speak(writer, json.loads(body)["input"]) if head.startswith("post ") else _list(writer))
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def _list(writer: asyncio.StreamWriter) -> None:
    """Answer whoever only wants a warm connection."""
    body = b'{"object":"list","data":[]}'
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()


async def _speak(writer: asyncio.StreamWriter, text: str) -> None:
    first, seconds, factor = map(float, sys.argv[1:4])
    samples = round(seconds * RATE)
    numbers = [number for number, sentence in enumerate(SENTENCES, 1) if sentence in text]
    audio = b"".join((LEVEL * number).to_bytes(2, "little") * samples for number in numbers)
    loop = asyncio.get_running_loop()
    began = loop.time() + first
    await asyncio.sleep(first)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: audio/pcm\r\ntransfer-encoding: chunked\r\n\r\n")
    step = round(_CHUNK * RATE) * 2
    for at in range(0, len(audio), step):
        await asyncio.sleep(max(0.0, began + (at / 2 / RATE - _AHEAD) * factor - loop.time()))
        chunk = audio[at : at + step]
        writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    await writer.drain()


async def main() -> None:
    """Serve on a free port of this machine, print it, until killed."""
    async with await asyncio.start_server(_serve, "127.0.0.1", 0) as server:
        say_hello(base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
