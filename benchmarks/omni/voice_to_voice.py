"""How long Omni takes from the caller's last sound to its own first one, and to fall silent when the caller speaks.

    python -m benchmarks.omni.voice_to_voice [--quick] [--json FILE]

The local server with its real engines and the demo's brain, over ``/v1/omni``, heard through OmniStream; the caller
plays speech in real time. Speech begins and ends where a 10 ms of it is within 26 dB of its loudest one. All times are
milliseconds. A turn in which the agent answered before the caller had finished has no voice to voice.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice

import numpy as np

from pyai_voice.omni import OmniStream
from pyai_voice.omni_events import Configured, Interrupted, ReplyAudio, ReplyEnded
from pyai_voice.omni_options import OmniOptions
from pyai_voice.options import Endpoint

from ..children import Child, child
from ..report import Table, quantile, run
from .spoken_turns import RATE, Line, people, voices

_SLOT = RATE // 50 * 2
_AUDIBLE = 300
"""A sample that can be heard."""
_PATIENCE = 8.0
"""Seconds in which an answer has to come."""
_INTO = 0.7
"""Seconds of a reply after which the caller interrupts it."""
_BREATH = 0.3
"""Seconds of silence between an answer and what the caller says next."""
_HOPS = {
    "decided": "end of the turn decided",
    "word": "first word of the brain",
    "sound": "first audio of the voice",
    "delivered": "first audio at the client",
    "heard": "first audible sample",
}
"""In the order in which each waits for the ones before; a guess lets brain and voice begin before the decision."""


@dataclass
class Turn:
    """What happened in one turn; moments on the machine's clock."""

    began: float = 0.0
    ended: float = 0.0
    delivered: float = 0.0
    heard: float = 0.0
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    replied: asyncio.Event = field(default_factory=asyncio.Event)
    """The reply has been played."""
    early: bool = False
    """The agent spoke before the caller had finished."""
    stopped: float = 0.0
    """When the client was told to stop playing ..."""
    last: float = 0.0
    """... and the last sample of the interrupted reply came."""
    interrupted: asyncio.Event = field(default_factory=asyncio.Event)
    reply: str = ""
    """The one that was interrupted."""
    late: int = 0
    """Pieces of the interrupted reply that came after the interruption."""


class Caller:
    """One call: somebody who speaks, and notes what is heard."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._stream = OmniStream(endpoint, OmniOptions(persona="You are a barista.", rate=16000))
        self._turn = Turn()
        self._ready = asyncio.Event()
        self._open = ""

    async def turns(self, lines: Iterable[Line]) -> list[Turn]:
        """Say each line after the answer to the one before."""
        done: list[Turn] = []
        async with self._connected():
            for line in lines:
                await self._say(line)
                done.append(self._turn)
                await self._hear_out()
        return done

    async def interruptions(self, questions: Iterable[Line], words: Iterable[Line]) -> list[Turn]:
        """Ask something, and speak into the answer."""
        done: list[Turn] = []
        async with self._connected():
            for question, interruption in zip(questions, words, strict=False):
                await self._say(question)
                if not await _within(self._turn.answered, _PATIENCE):
                    continue
                await asyncio.sleep(_INTO)
                if self._turn.replied.is_set():
                    continue
                await self._say(interruption, self._open)
                done.append(self._turn)
                await self._hear_out()
        return done

    @asynccontextmanager
    async def _connected(self) -> AsyncGenerator[None]:
        async with self._stream:
            reader = asyncio.create_task(self._read())
            async with asyncio.timeout(_PATIENCE):
                await self._ready.wait()
            yield
        await reader

    async def _hear_out(self) -> None:
        await _within(self._turn.replied, _PATIENCE)
        await asyncio.sleep(_BREATH)

    async def _say(self, line: Line, interrupted: str = "") -> None:
        """Speak in real time: a frame goes out when it is complete."""
        turn = self._turn = Turn(began=time.monotonic(), reply=interrupted)
        for number, start in enumerate(range(0, len(line.pcm), _SLOT), start=1):
            await asyncio.sleep(max(0.0, turn.began + number * 0.02 - time.monotonic()))
            self._stream.send_audio(line.pcm[start : start + _SLOT])
        turn.ended = time.monotonic()

    async def _read(self) -> None:
        async for event in self._stream:
            match event:
                case Configured():
                    self._ready.set()
                case ReplyAudio():
                    self._hear(event, self._turn, time.monotonic())
                case Interrupted(reply=reply) if reply == self._turn.reply and not self._turn.stopped:
                    self._turn.stopped = time.monotonic()
                    self._turn.interrupted.set()
                case ReplyEnded(reply=reply) if reply != self._turn.reply and self._turn.answered.is_set():
                    self._turn.replied.set()
                case _:
                    pass

    def _hear(self, event: ReplyAudio, turn: Turn, now: float) -> None:
        self._open = event.reply
        if event.reply == turn.reply:
            turn.last = now
            turn.late += bool(turn.stopped)
        elif not turn.ended:
            turn.early = True
        elif not turn.answered.is_set():
            turn.delivered = turn.delivered or now
            audible = np.flatnonzero(np.abs(np.frombuffer(event.pcm, "<i2").astype(np.int32)) >= _AUDIBLE)
            if audible.size:
                turn.heard = now + float(audible[0]) / event.rate
                turn.answered.set()


async def _within(event: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


def measure(quick: bool = False) -> list[Table]:
    """Measure with synthetic callers, and with people where their recordings are there."""
    count = 4 if quick else 30
    with child("omni agent", "benchmarks.omni.agent") as agent:
        endpoint = Endpoint(api_key=agent.hello["api_key"], base_url=agent.hello["base_url"])
        spoken = {"synthetic": asyncio.run(voices(endpoint)), "people": people()}
        load = os.getloadavg()[0]
        hops = [row for name, lines in spoken.items() if lines for row in _answers(agent, endpoint, name, lines, count)]
        stops = [_stops(endpoint, name, spoken["synthetic"], lines, count) for name, lines in spoken.items() if lines]
    loads = f"load of the machine {load:.1f} before, {os.getloadavg()[0]:.1f} after"
    return [
        Table(
            f"Voice to voice, ms after the end of the caller's speech; {loads}",
            ("caller", "turns, early, unanswered", "hop", "median", "p95", "adds, median", "adds, p95"),
            hops,
        ),
        Table(
            "Interruption, ms after the beginning of the caller's speech",
            ("caller", "interruptions", "median", "p95", "longest", "within 250", "late pieces"),
            stops,
        ),
    ]


Row = tuple[str | float | int | None, ...]


def _answers(agent: Child, endpoint: Endpoint, name: str, lines: Sequence[Line], count: int) -> list[Row]:
    turns = asyncio.run(Caller(endpoint).turns(islice(cycle(lines), count)))
    notes = agent.ask()
    good = [turn for turn in turns if turn.heard and not turn.early]
    early = sum(turn.early for turn in turns)
    told = f"{len(good)}, {early}, {len(turns) - len(good) - early}"
    whole = [_moments(turn, notes) for turn in good]
    parts = [_parts(moments) for moments in whole]
    return [
        (
            name,
            told,
            words,
            *_two([1000 * moments[hop] for moments in whole]),
            *_two([1000 * part[hop] for part in parts]),
        )
        for hop, words in _HOPS.items()
    ]


def _moments(turn: Turn, notes: dict[str, list[float]]) -> dict[str, float]:
    """Return the seconds of each hop after the end of the caller's speech: the last note before the answer is its."""
    ended = turn.ended
    found = {hop: max(at for at in notes[hop] if at <= turn.delivered) - ended for hop in ("decided", "word")}
    first_sounds = [at for at in notes["sound"] if ended + found["word"] <= at <= turn.delivered]
    return {
        **found,
        "sound": min(first_sounds) - ended,
        "delivered": turn.delivered - ended,
        "heard": turn.heard - ended,
    }


def _parts(moments: dict[str, float]) -> dict[str, float]:
    """Return how much later each hop made the answer."""
    parts, so_far = dict[str, float](), 0.0
    for hop in _HOPS:
        parts[hop] = max(0.0, moments[hop] - so_far)
        so_far = max(so_far, moments[hop])
    return parts


def _stops(endpoint: Endpoint, name: str, questions: Sequence[Line], words: Sequence[Line], count: int) -> Row:
    asked = islice(cycle(questions), count)
    turns = asyncio.run(Caller(endpoint).interruptions(asked, islice(cycle(words[::-1]), count)))
    stopped = [1000 * (max(turn.stopped, turn.last) - turn.began) for turn in turns if turn.stopped]
    return (
        name,
        f"{len(stopped)} of {len(turns)}",
        *_two(stopped),
        max(stopped, default=None),
        sum(each <= 250 for each in stopped),
        sum(turn.late for turn in turns),
    )


def _two(values: Sequence[float]) -> tuple[float | None, float | None]:
    return (statistics.median(values) if values else None, quantile(values, 0.95))


if __name__ == "__main__":
    run("omni.voice_to_voice", __doc__, measure)
