"""Recorded orders of real people, played to both bots: ``python -m demo.orders [--count N]``.

The recordings are a folder ``shared/speech`` beside the project; its ``manifest.json`` lists the slots of each order.
An order is understood whole when the brain has read exactly these slots, with exactly these words.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pyai_voice.audio import read_wav

from .bots import BOTS, Bot
from .brain.reply import converse
from .brain.words import tokens
from .call import Call, CallError, Exchange, Line
from .caller import line_of
from .main import OUT, run
from .screen import Screen
from .servers import services
from .times import Times

__all__ = ["RECORDINGS", "Heard", "Recording", "judge", "play", "recordings"]

RECORDINGS = Path(__file__).resolve().parents[2] / "shared" / "speech"
"""Where the recordings are, if they are there."""

_CALLED = {name: bot for name, bot in BOTS.items() if not bot.realtime}
"""Both are called at once; Omni's would be two more streams on two cores."""
_SLOTS = {
    "coffeeDrink": "drink",
    "size": "size",
    "roast": "roast",
    "numberOfShots": "shots",
    "milkAmount": "milk",
    "sugarAmount": "sugar",
}
"""The names of the manifest -> those of the brain."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One order of a real person."""

    file: str
    slots: dict[str, str]
    """Slot of the brain -> the words that name it."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of one order at one bot."""

    file: str
    expected: dict[str, str]
    text: str
    """What Hear made of it."""
    order: dict[str, str]
    """What the brain has read in that."""
    failure: str = ""
    """Why there was no answer, if there was none."""

    @property
    def whole(self) -> bool:
        """Tell whether the order was understood whole: nothing wrong, nothing missing, nothing invented."""
        return self.order == self.expected

    @property
    def slots_in_order(self) -> int:
        """Count the slots that the brain has right."""
        return sum(self.order.get(slot) == words for slot, words in self.expected.items())

    @property
    def slots_in_text(self) -> int:
        """Count the slots whose words stand in the transcript, before any reading."""
        text = f" {' '.join(tokens(self.text))} "
        return sum(f" {words} " in text for words in self.expected.values())


def recordings(folder: Path = RECORDINGS) -> list[Recording]:
    """Return the orders that the folder's manifest lists; none when there is no such folder."""
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        return []
    entries: list[dict[str, Any]] = json.loads(manifest.read_text(encoding="utf-8"))
    return [
        Recording(entry["file"], {_SLOTS[slot]: " ".join(words.split()) for slot, words in entry["slots"].items()})
        for entry in entries
        if "slots" in entry
    ]


def judge(recording: Recording, exchange: Exchange, failure: str = "") -> Heard:
    """Return what the brain has made of what was heard."""
    order = converse(exchange.heard).order.named()
    return Heard(recording.file, recording.slots, " ".join(exchange.heard), order, failure)


async def play(count: int, screen: Screen, folder: Path = RECORDINGS) -> None:
    """Play the first ``count`` orders to both bots at once; show and write what was understood.

    Raises CallError when no bot understood a single order: then something is broken.
    """
    chosen = recordings(folder)[:count]
    if not chosen:
        screen.note(f"No recorded orders: there is no {folder / 'manifest.json'}; nothing was played")
        return
    async with services(OUT / "servers.log") as used:
        screen.title(f"{len(chosen)} orders of real people")
        screen.note(f"Hear and Speak: {used.voice}")
        calls: dict[str, list[tuple[Heard, Exchange]]] = {name: [] for name in _CALLED}
        for recording in chosen:
            line = line_of(*read_wav(folder / recording.file))
            results = await asyncio.gather(*(_order(bot, recording, line) for bot in _CALLED.values()))
            for name, result in zip(_CALLED, results, strict=True):
                calls[name].append(result)
                screen.note(f"{name:>8} {_story(result[0])}")
    _report(screen, calls)


async def _order(bot: Bot, recording: Recording, line: Line) -> tuple[Heard, Exchange]:
    """Play one order in a call of its own; a call that fails is an order that was not understood."""
    call = Call(lambda who, text: None)
    failure = ""
    try:
        async with bot.connect(call):
            await call.greeting()
            await call.say(line)
    except CallError as error:
        failure = str(error)
    return judge(recording, call.now, failure), call.now


def _story(heard: Heard) -> str:
    verdict = "whole" if heard.whole else f"{heard.slots_in_order} of {len(heard.expected)} slots"
    return f"{heard.file} {verdict}: {heard.failure or heard.text}"


def _report(screen: Screen, calls: dict[str, list[tuple[Heard, Exchange]]]) -> None:
    for name, results in calls.items():
        heard = [result for result, _ in results]
        slots = sum(len(one.expected) for one in heard)
        screen.title(f"{name}: {sum(one.whole for one in heard)} of {len(heard)} orders understood whole")
        screen.note(
            f"of {slots} slots, {sum(one.slots_in_order for one in heard)} are right in the order and "
            f"{sum(one.slots_in_text for one in heard)} stand word for word in the transcript"
        )
    screen.times({name: Times(exchange for _, exchange in results) for name, results in calls.items()})
    record = {name: [asdict(heard) | {"whole": heard.whole} for heard, _ in results] for name, results in calls.items()}
    (OUT / "orders.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
    if not any(heard.slots_in_order for results in calls.values() for heard, _ in results):
        raise CallError("No order was understood: see out/demo.log and out/servers.log")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Play recorded orders of real people to both bots.")
    parser.add_argument("--count", type=int, default=5, help="how many orders (default 5, there are 40)")
    sys.exit(run(functools.partial(play, parser.parse_args().count)))
