"""Does every 20 ms of fifty telephone calls arrive once, in both directions, and how long is it on the way?

    python -m benchmarks.twilio [--quick] [--json FILE]

Each caller speaks for two seconds and is silent for one; each agent says two seconds of every two and a half. Every
20 ms of speech has a number and the moment at which it was sent, so that what is dropped, doubled or changed is seen
at the other end. Callers (Twilio's media streams: they play in real time, and send marks back), the bridge and a
scripted Omni service have a process each. From caller to agent the time of every 20 ms counts; Omni wants them 20 ms
apart, so 10 ms of it are the wait for the next slot. From agent to caller the first 20 ms of each sentence count, since
the others wait until they are due. On a machine with other work put ``chrt -r 1`` before it, as root.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections import deque
from contextlib import suppress

from twilio.request_validator import RequestValidator
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from .children import child
from .report import Table, quantile, run
from .twilio_side import CHUNK, EVERY, SENTENCE, TOKEN, Heard, chunk, told

__all__ = ["measure"]

CALLS, SECONDS = 50, 60.0
_PAUSE = SENTENCE // 2
"""Chunks of silence between what a caller says."""
_DRAIN = 3.0
"""Seconds after the caller's last word in which all that was said arrives."""
_SILENCE = b"\xff" * CHUNK


def measure(quick: bool = False) -> list[Table]:
    """Call, and compare what both ends said with what both heard."""
    calls, seconds = (10, 10.0) if quick else (CALLS, SECONDS)
    with child("twilio omni", "benchmarks.twilio_side", "omni") as omni:
        with child("twilio app", "benchmarks.twilio_side", "app", omni.hello["url"], str(int(seconds / EVERY))) as app:
            before = app.ask()["cpu"]
            callers = asyncio.run(_calls(app.hello["url"], calls, seconds))
            cpu = app.ask()["cpu"] - before
        agents = omni.ask()
    said = sum(each.said for each in callers)
    agents["dropped"] = said - agents["chunks"]
    heard = told([each.heard for each in callers])
    heard["dropped"] = agents["said"] - heard["chunks"]
    heads = ("direction", "20 ms sent", "dropped", "doubled", "changed", "on the way, ms p50", "p90", "p99")
    rows = [_row("caller to agent", said, agents), _row("agent to caller", agents["said"], heard)]
    late = [each for one in callers for each in one.late]
    other = (agents["calls"], 100 * cpu / (seconds + _DRAIN), 1000 * (quantile(late, 0.99) or 0.0))
    return [
        Table(f"{calls} calls at once for {seconds:.0f} s", heads, rows),
        Table("The machine", ("calls", "bridge, % of a core", "the callers' own lateness, ms p99"), [other]),
    ]


def _row(name: str, sent: int, sums: dict[str, object]) -> tuple[object, ...]:
    assert isinstance(sums["late"], list)
    return name, sent, sums["dropped"], sums["doubled"], sums["broken"], *sums["late"]


async def _calls(url: str, calls: int, seconds: float) -> list[_Caller]:
    callers = [_Caller(number, seconds) for number in range(calls)]
    await asyncio.gather(*(each.call(f"ws{url.removeprefix('http')}/media") for each in callers))
    return callers


class _Caller:
    """One telephone, as Twilio streams it."""

    def __init__(self, number: int, seconds: float) -> None:
        self.said = 0
        self.heard = Heard()
        self.late: list[float] = []
        """Seconds after the due time at which a chunk was sent."""
        self._name = f"{number:032d}"
        self._offset = number * 7
        self._seconds = seconds
        self._plays_until = 0.0
        self._marks: deque[tuple[float, str]] = deque()
        """When all before it has been played, and its name."""

    async def call(self, address: str) -> None:
        """Call, speak and listen, and hang up."""
        signature = RequestValidator(TOKEN).compute_signature(address, {})
        async with connect(address, compression=None, additional_headers={"X-Twilio-Signature": signature}) as socket:
            described = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
            start = {"streamSid": f"MZ{self._name}", "callSid": f"CA{self._name}", "mediaFormat": described}
            await self._send(socket, event="connected")
            await self._send(socket, event="start", start=start)
            listening = asyncio.create_task(self._listen(socket))
            await self._speak(socket)
            await self._send(socket, event="stop")
        await listening

    async def _speak(self, socket: ClientConnection) -> None:
        due = time.monotonic()
        last = due + self._seconds + _DRAIN
        step = self._offset
        while (now := time.monotonic()) < last:
            self.late.append(now - due)
            speaks = self.heard.chunks and now < last - _DRAIN and step % (SENTENCE + _PAUSE) < SENTENCE
            coded = chunk(self.said) if speaks else _SILENCE
            self.said += bool(speaks)
            payload = base64.b64encode(coded).decode()
            await socket.send(f'{{"event":"media","media":{{"track":"inbound","payload":"{payload}"}}}}')
            while self._marks and self._marks[0][0] <= now:
                await self._send(socket, event="mark", mark={"name": self._marks.popleft()[1]})
            step += 1
            due += CHUNK / 8000
            await asyncio.sleep(due - time.monotonic())

    async def _listen(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            async for message in socket:
                said = json.loads(message)
                if said["event"] == "media":
                    self.heard.take(base64.b64decode(said["media"]["payload"]), firsts=True)
                    self._plays_until = max(self._plays_until, time.monotonic()) + CHUNK / 8000
                elif said["event"] == "mark":
                    self._marks.append((self._plays_until, said["mark"]["name"]))

    async def _send(self, socket: ClientConnection, **message: object) -> None:
        await socket.send(json.dumps({"streamSid": f"MZ{self._name}", **message}))


if __name__ == "__main__":
    run("twilio", __doc__, measure)
