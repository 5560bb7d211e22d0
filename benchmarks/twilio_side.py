"""One side of ``benchmarks.twilio``, a process of its own: ``python -m benchmarks.twilio_side (omni | app URL COUNT)``.

``omni`` is an Omni service that says a sentence every two and a half seconds and counts what it hears; ``app`` is the
bridge for Twilio over it, whose agents say COUNT sentences. And the chunks that both directions are made of: each says
its number and when it was sent.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from pyai_voice import g711
from pyai_voice.client import Client
from pyai_voice.omni_options import OmniOptions
from pyai_voice.options import Endpoint
from pyai_voice.protocol.omni.request import read_request
from pyai_voice.protocol.omni.server import CallerAudio, Configure, OmniServer
from pyai_voice.server.serving import bind, serving
from pyai_voice.server.settings import Settings
from twilio_pyai import Access, create_app

from .children import say_hello
from .report import quantile

__all__ = ["CHUNK", "EVERY", "SENTENCE", "TOKEN", "Heard", "chunk", "told"]

TOKEN = "benchmark_auth_token_0123456789abcdef"
CHUNK = 160
"""Bytes of 20 ms."""
SENTENCE = 100
"""Chunks that are said without a pause."""
_PIECE = 5
"""Chunks in one message of the agent's audio."""
_FASTER = 3.0
"""How much faster than real time the agent's audio comes."""
EVERY = 2.5
"""Seconds from sentence to sentence."""

# Mu-law codes from 0x80 on are loud, and the same after decoding and encoding.
_HEAD = b"\xe4\xe5"
_ZERO, _BASE = 0x80, 100
_DIGITS, _TIMES = 3, 4
_TICK = 1e-4
"""Seconds."""
_AROUND = _BASE**_TIMES
_REST = bytes([_ZERO]) * (CHUNK - len(_HEAD) - _DIGITS - _TIMES)


def chunk(number: int) -> bytes:
    """Return 20 ms of mu-law that say their number, and that they are sent now."""
    return _HEAD + _written(number, _DIGITS) + _written(int(time.monotonic() / _TICK) % _AROUND, _TIMES) + _REST


def _written(value: int, digits: int) -> bytes:
    return bytes(_ZERO + value // _BASE**place % _BASE for place in range(digits))


def _read(coded: bytes) -> int:
    return sum((code - _ZERO) * _BASE**place for place, code in enumerate(coded))


@dataclass
class Heard:
    """What one end of one call heard of the other's chunks."""

    chunks: int = 0
    dropped: int = 0
    doubled: int = 0
    broken: int = 0
    """Pieces of sound that are no chunk."""
    late: list[float] = field(default_factory=list[float])
    """Seconds on the way, of each chunk, or of the first of each sentence."""

    def take(self, coded: bytes, *, firsts: bool = False) -> None:
        """Note 20 ms; silence says nothing."""
        if not (coded.startswith(_HEAD) and coded.endswith(_REST) and len(coded) == CHUNK):
            self.broken += bool(coded.strip(b"\xff"))
            return
        number, sent = _read(coded[2 : 2 + _DIGITS]), _read(coded[2 + _DIGITS : 2 + _DIGITS + _TIMES])
        due = self.chunks + self.dropped
        self.doubled += number < due
        if number >= due:
            self.dropped += number - due
            self.chunks += 1
        if not firsts or number % SENTENCE == 0:
            self.late.append((int(time.monotonic() / _TICK) - sent) % _AROUND * _TICK)


def told(heard: list[Heard]) -> dict[str, Any]:
    """Return the sums, and the quantiles of the time on the way in milliseconds."""
    late = [each for one in heard for each in one.late]
    sums = {name: sum(getattr(one, name) for one in heard) for name in ("chunks", "dropped", "doubled", "broken")}
    return sums | {"late": [1000 * (quantile(late, part) or 0.0) for part in (0.5, 0.9, 0.99)]}


class _Agent:
    """One call as the service sees it."""

    def __init__(self, socket: ServerConnection) -> None:
        assert socket.request
        query = dict(parse_qsl(urlsplit(socket.request.path).query))
        self.heard = Heard()
        self.said = 0
        self._socket = socket
        self._machine = OmniServer(read_request(query), "call_benchmark")
        self._speaking: asyncio.Task[None] | None = None

    async def converse(self) -> None:
        self._machine.open()
        try:
            await self._flush()
            async for message in self._socket:
                assert isinstance(message, bytes)
                for call in self._machine.receive(message, time.monotonic()):
                    self._take(call)
                await self._flush()
        except ConnectionClosed:
            pass
        finally:
            if self._speaking:
                self._speaking.cancel()
                await asyncio.gather(self._speaking, return_exceptions=True)

    def _take(self, call: object) -> None:
        match call:
            case CallerAudio(pcm):
                self.heard.take(g711.encode(pcm))
            case Configure(agent) if not self._speaking:
                self._machine.confirm(voice="onyx", language="en", greeting=False, knowledge=False, tools=0)
                self._speaking = asyncio.create_task(self._speak(int(agent.persona or 0)))
            case _:
                pass

    async def _speak(self, sentences: int) -> None:
        for _ in range(sentences):
            began = time.monotonic()
            self._machine.turn_begin()
            for piece in range(SENTENCE // _PIECE):
                coded = b"".join(chunk(self.said + number) for number in range(_PIECE))
                self.said += _PIECE
                self._machine.audio(g711.decode(coded))
                await self._flush()
                await asyncio.sleep(began + (piece + 1) * _PIECE * 0.02 / _FASTER - time.monotonic())
            await asyncio.sleep(began + EVERY - time.monotonic())

    async def _flush(self) -> None:
        for message in self._machine.data_to_send():
            await self._socket.send(message)


async def _omni() -> None:
    agents: list[_Agent] = []

    async def converse(socket: ServerConnection) -> None:
        agents.append(_Agent(socket))
        await agents[-1].converse()

    async with serve(converse, "127.0.0.1", 0, compression=None, close_timeout=0.5) as server:
        questions = say_hello(url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        while True:
            await asyncio.to_thread(questions.get)
            sums = told([each.heard for each in agents]) | {"said": sum(each.said for each in agents)}
            print(json.dumps(sums | {"calls": len(agents)}), flush=True)


async def _app(url: str, sentences: str) -> None:
    async with Client(Endpoint(api_key="pyai_test_benchmark", base_url=url)) as client:
        app = create_app(Access(TOKEN), OmniOptions(persona=sentences), client)
        async with serving(app, Settings(), bind()) as (_, address):
            questions = say_hello(url=address)
            while True:
                await asyncio.to_thread(questions.get)
                print(json.dumps({"cpu": time.process_time()}), flush=True)


if __name__ == "__main__":
    asyncio.run(_app(*sys.argv[2:]) if sys.argv[1] == "app" else _omni())
