"""An Omni service that follows a script, a process of its own: what it sees of the callers' audio is what is measured.

    python -m benchmarks.omni.service

The caller speaks, a word every half second, and is silent by turns. When it falls silent the agent calls a tool every
third time, then answers with two seconds of audio, sent three times as fast as they last; every fifth answer is
interrupted by a flush.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from pyai_voice.audio import peak
from pyai_voice.protocol.omni.request import read_request
from pyai_voice.protocol.omni.server import CallerAudio, Configure, HangUp, OmniServer, ToolAnswered

from ..children import say_hello

__all__: list[str] = []

_LOUD = 1000
_PAUSE = 15
"""Quiet slots after which the caller has finished."""
_WORD = 25
"""Slots of speech that are a word."""
_PIECE, _PIECES = 0.15, 13
"""Seconds of audio in a message, and how many messages an answer has."""
_FASTER = 3
_LATE = 0.1
"""Seconds between two slots that are a gap."""
_EARLY = 0.005
"""Seconds between two slots that are a burst, if three follow each other so."""


@dataclass
class Seen:
    """What the service saw of one caller's audio."""

    slots: int = 0
    began: float = 0.0
    last: float = 0.0
    longest: float = 0.0
    """Seconds between two slots."""
    gaps: int = 0
    bursts: int = 0
    wrong: int = 0
    """Slots that were not 20 ms."""
    answers: int = 0
    tools: int = 0
    _close_by: int = field(default=0, repr=False)

    def slot(self, size: int, expected: int) -> None:
        """Note one."""
        now = time.monotonic()
        if self.slots:
            apart = now - self.last
            self.longest = max(self.longest, apart)
            self.gaps += apart > _LATE
            self._close_by = self._close_by + 1 if apart < _EARLY else 0
            self.bursts += self._close_by == 3
        else:
            self.began = now
        self.slots += 1
        self.last = now
        self.wrong += size != expected

    def told(self) -> dict[str, Any]:
        """Return it with how many slots are missing for the time."""
        due = (self.last - self.began) / 0.02 + 1
        numbers = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        return {**numbers, "missing": due - self.slots}


class Session:
    """One call."""

    def __init__(self, socket: ServerConnection) -> None:
        assert socket.request
        request = read_request(dict(parse_qsl(urlsplit(socket.request.path).query)))
        self.seen = Seen()
        self._socket = socket
        self._machine = OmniServer(request, "call_benchmark")
        self._slot = request.rate // 50 * 2
        self._piece = bytes(round(request.output_rate * _PIECE) * 2)
        self._loud = self._quiet = 0
        self._answering: asyncio.Task[None] | None = None

    async def converse(self) -> None:
        """Serve until the client hangs up."""
        self._machine.open()
        try:
            await self._flush()
            async for message in self._socket:
                for call in self._machine.receive(message, time.monotonic()):
                    self._take(call)
                self._machine.tick(time.monotonic())
                await self._flush()
        except ConnectionClosed:
            pass
        finally:
            if self._answering:
                self._answering.cancel()

    def _take(self, call: object) -> None:
        match call:
            case CallerAudio(pcm):
                self.seen.slot(len(pcm), self._slot)
                self._listen(pcm)
            case Configure(agent):
                self._machine.confirm(
                    voice="onyx", language="en", greeting=False, knowledge=False, tools=len(agent.tools)
                )
            case ToolAnswered():
                self.seen.tools += 1
                self._answer()
            case HangUp():
                pass
            case _:
                pass

    def _listen(self, pcm: bytes) -> None:
        if peak(pcm) > _LOUD:
            self._loud, self._quiet = self._loud + 1, 0
            if self._loud % _WORD == 0:
                self._machine.caller_said("word ")
            return
        self._quiet += 1
        if self._loud and self._quiet == _PAUSE:
            self._loud = 0
            self._finished()

    def _finished(self) -> None:
        if self.seen.answers % 3 == 2:
            self.seen.answers += 1
            self._machine.tool_call("look", {}, time.monotonic())
        else:
            self._answer()

    def _answer(self) -> None:
        self.seen.answers += 1
        self._answering = asyncio.create_task(self._speak(interrupted=self.seen.answers % 5 == 0))

    async def _speak(self, *, interrupted: bool) -> None:
        self._machine.turn_begin(0.3)
        self._machine.agent_said("This is an answer of two seconds.")
        for number in range(_PIECES):
            if interrupted and number == _PIECES // 2:
                self._machine.interrupt("barge_in", "This is")
                break
            self._machine.audio(self._piece)
            await self._flush()
            await asyncio.sleep(_PIECE / _FASTER)
        await self._flush()

    async def _flush(self) -> None:
        for message in self._machine.data_to_send():
            await self._socket.send(message)


async def main() -> None:
    """Serve on a free port; answer each question with what was seen of all calls since the last one."""
    sessions: list[Session] = []
    lateness = [0.0]

    async def converse(socket: ServerConnection) -> None:
        session = Session(socket)
        sessions.append(session)
        await session.converse()

    async def watch() -> None:
        """Note how late this process itself is: a gap that the machine made is not the client's."""
        while True:
            due = time.monotonic() + 0.02
            await asyncio.sleep(0.02)
            lateness[0] = max(lateness[0], time.monotonic() - due)

    async with serve(converse, "127.0.0.1", 0, compression=None, close_timeout=0.5, max_size=None) as server:
        questions = say_hello(base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        watching = asyncio.create_task(watch())
        while True:
            await asyncio.to_thread(questions.get)
            seen = [session.seen.told() for session in sessions]
            print(json.dumps({"seen": seen, "late": lateness[0]}), flush=True)
            sessions.clear()
            lateness[0] = 0.0
            assert not watching.done()


if __name__ == "__main__":
    asyncio.run(main())
