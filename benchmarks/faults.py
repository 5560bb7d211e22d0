"""What drops, refusals and cut bodies cost: our plugins and the official ones, in the same cases.

    python -m benchmarks.faults [--quick] [--json FILE]

The caller speaks coded audio for two seconds in real time, so a word that is lost or heard twice is counted in steps
of 20 ms; the bot speaks two sentences whose every sample is known. Every party has a process of its own, and every
case a server of its own. ``held`` means: no word lost or doubled, no sample heard twice, and the next sentence spoken.
"""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from pyai_voice.testing import (
    Abort,
    Close,
    Delay,
    ErrorFrame,
    FaultyServer,
    HearFault,
    JsonIn200,
    Refuse,
    SpeakFault,
    SplitSamples,
    Stall,
    WavHeaderWhenPcm,
    coded_speech,
    frames_in,
    silence,
    spoken,
)

from .children import Child, child
from .parties import Party, pythons
from .report import Table, run

__all__ = ["measure"]

PARTIES = (
    Party("core", "core"),
    Party("Pipecat, ours", "pipecat"),
    Party("Pipecat, official", "pipecat", official=True),
    Party("LiveKit, ours", "livekit"),
    Party("LiveKit, official", "livekit", official=True),
)

SECOND = 32_000
"""Bytes of the caller's audio."""
SENTENCES = ("One large latte with oat milk.", "Anything else for you today?")
HELD = "held"

Verdict = str
Answer = dict[str, Any]


@dataclass(frozen=True)
class HearCase:
    """The caller speaks for two seconds and longer, while something happens to the stream."""

    name: str
    faults: tuple[HearFault, ...] = ()
    away: float | None = None
    """Seconds that the server is away, from the first second on; the caller speaks on."""
    judge: Callable[[FaultyServer], Verdict] = lambda server: HELD
    """What else must be so."""

    @property
    def frames(self) -> int:
        """How many frames of 20 ms the caller speaks."""
        return 100 + round(50 * (self.away or 0))

    def question(self) -> dict[str, Any]:
        """Return what the party is asked to do."""
        pcm = coded_speech(self.frames) + silence(0.6)
        return {"pcm": base64.b64encode(pcm).decode(), "last": self.frames - 1, "texts": []}

    def verdict(self, server: FaultyServer, answer: Answer) -> Verdict:
        """Say what came of it."""
        heard = Counter(frames_in(*answer["finals"]))
        lost = sum(not heard[number] for number in range(self.frames)) / 50
        twice = sum(count - 1 for number, count in heard.items() if number >= 0 and count > 1) / 50
        if lost or twice:
            return ", ".join(filter(None, [lost and f"{lost:.2f} s lost", twice and f"{twice:.2f} s twice"]))
        return self.judge(server)


@dataclass(frozen=True)
class SpeakCase:
    """The bot speaks two sentences; something happens to the request for the first."""

    name: str
    faults: tuple[SpeakFault, ...]
    whole: bool = False
    """Whether the first sentence must be heard to its end all the same."""
    judge: Callable[[FaultyServer], Verdict] = lambda server: HELD

    def question(self) -> dict[str, Any]:
        """Return what the party is asked to do."""
        return {"pcm": "", "last": 0, "texts": list(SENTENCES)}

    def verdict(self, server: FaultyServer, answer: Answer) -> Verdict:
        """Say what came of it."""
        first, second = (base64.b64decode(audio).rstrip(b"\0") for audio in answer["heard"])
        wanted, next_wanted = (spoken(text).rstrip(b"\0") for text in SENTENCES)
        if not wanted.startswith(first):
            return "said twice" if first.startswith(wanted[:4800]) else "noise played"
        if self.whole and first != wanted:
            return "cut short" if first else "not said"
        if second != next_wanted:
            return "mute afterwards"
        if first != wanted and not answer["errors"]:
            return "no error told"
        return self.judge(server)


@dataclass(frozen=True)
class RefusedCase(HearCase):
    """A wrong key."""

    def verdict(self, server: FaultyServer, answer: Answer) -> Verdict:
        """Say how often it dialled, and whether it told."""
        if len(server.streams) > 2:
            return f"dialled {len(server.streams)} times"
        return HELD if answer["errors"] else "no error told"


def _waited(records: Callable[[FaultyServer], list[Any]]) -> Callable[[FaultyServer], Verdict]:
    def judge(server: FaultyServer) -> Verdict:
        first, second = records(server)[:2]
        waited = second.at - first.at
        return HELD if waited >= 2.0 else f"asked after {waited:.1f} s"

    return judge


BUSY = Refuse(429, "concurrency_limit_exceeded", retry_after=2)

CASES: tuple[HearCase | SpeakCase, ...] = (
    HearCase("Hear: no fault"),
    HearCase("Hear: socket aborted after 1 s", (Abort(after_bytes=SECOND),)),
    HearCase("Hear: closed with 1011", (Close(1011, after_bytes=SECOND),)),
    HearCase("Hear: closed with 1000", (Close(1000, after_bytes=SECOND),)),
    HearCase("Hear: error engine_unavailable", (ErrorFrame("engine_unavailable", after_bytes=SECOND),)),
    HearCase("Hear: half-open socket", (Stall(after_bytes=SECOND),)),
    HearCase("Hear: first connect refused (503)", (Refuse(503),)),
    HearCase("Hear: first connect 3 s late", (Delay(3.0),)),
    HearCase("Hear: server away for 0 s", away=0),
    HearCase("Hear: server away for 2 s", away=2),
    HearCase("Hear: server away for 9 s", away=9),
    HearCase("Hear: 429, Retry-After: 2", (BUSY,), judge=_waited(lambda server: server.streams)),
    RefusedCase("Hear: 401", (Refuse(401, "unauthorized"),) * 50),
    SpeakCase("Speak: no fault", (), whole=True),
    SpeakCase("Speak: body cut in the middle", (Abort(after_bytes=20_000),)),
    SpeakCase("Speak: body stops in the middle", (Stall(after_bytes=20_000),)),
    SpeakCase("Speak: 429, Retry-After: 2", (BUSY,), whole=True, judge=_waited(lambda server: server.requests)),
    SpeakCase("Speak: 503 once", (Refuse(503),), whole=True),
    SpeakCase("Speak: JSON error in a 200", (JsonIn200("credit_exhausted"),)),
    SpeakCase("Speak: WAV header before PCM", (WavHeaderWhenPcm(),)),
    SpeakCase("Speak: pieces of 999 bytes", (SplitSamples(999),), whole=True),
)
QUICK = ("Hear: no fault", "Hear: socket aborted after 1 s", "Speak: body cut in the middle")


def measure(quick: bool = False) -> list[Table]:
    """Try every case with every party."""
    cases = [case for case in CASES if not quick or case.name in QUICK]
    with ExitStack() as stack:
        children = {
            party: stack.enter_context(
                child(f"faults {party.name}", "benchmarks.survivor", party.module, python=python)
            )
            for party, python in pythons(PARTIES)
        }
        return [asyncio.run(_table(cases, children))]


async def _table(cases: list[HearCase | SpeakCase], children: dict[Party, Child]) -> Table:
    rows: list[list[str]] = []
    leaks: Counter[Party] = Counter()
    for case in cases:
        results = await asyncio.gather(*(_try(case, one) for one in children.values()))
        rows.append([case.name, *(verdict for verdict, _ in results)])
        leaks.update(party for party, (_, leaked) in zip(children, results, strict=True) if leaked)
    held = [sum(row[column] == HELD for row in rows) for column in range(1, 1 + len(children))]
    rows.append(["held", *(f"{count} of {len(cases)}" for count in held)])
    rows.append(["the key was visible", *(f"in {leaks[party]}" if leaks[party] else "never" for party in children)])
    return Table("What is left of two seconds of speech, and of a sentence", ["", *(p.name for p in children)], rows)


async def _try(case: HearCase | SpeakCase, one: Child) -> tuple[Verdict, bool]:
    """Return the verdict, and whether the key could be seen in a log, on the screen or in an error."""
    hear = case.faults if isinstance(case, HearCase) else ()
    speak = case.faults if isinstance(case, SpeakCase) else ()
    async with FaultyServer(hear=hear, speak=speak) as server:
        asked = asyncio.to_thread(one.ask, base_url=server.base_url, api_key=server.api_key, **case.question())
        answer, _ = await asyncio.gather(asked, _outage(case, server))
        words = [*answer["visible"], one.log()]
        return case.verdict(server, answer), any(server.api_key in word for word in words)


def _outage(case: HearCase | SpeakCase, server: FaultyServer) -> Coroutine[Any, Any, None]:
    return _go_away(server, case.away) if isinstance(case, HearCase) and case.away is not None else _stay()


async def _go_away(server: FaultyServer, seconds: float) -> None:
    await server.until(lambda: bool(server.streams) and len(server.streams[0].audio) >= SECOND)
    await server.outage(seconds)


async def _stay() -> None:
    """Nothing happens to the server as a whole."""


if __name__ == "__main__":
    run("faults", __doc__, measure)
