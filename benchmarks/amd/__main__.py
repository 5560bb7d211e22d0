"""Who has answered? The local server's detector on made calls: how often it is right, and how soon.

    python -m benchmarks.amd [--quick] [--half tuning] [--json FILE]

The calls are in :mod:`.clips` (made at the first run, kept in the build folder), their texts in :mod:`.texts`. Each
reading of words is waited for, so that a busy machine changes nothing; the last table is taken over a real socket in
real time. About ten minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pyai_voice import g711
from pyai_voice.amd import AmdStream
from pyai_voice.amd_events import AmdDecision
from pyai_voice.amd_options import AmdOptions
from pyai_voice.options import Endpoint
from pyai_voice.server.amd.detector import Detector, DetectorOptions
from pyai_voice.server.amd.judge import Verdict
from pyai_voice.server.amd.outcome import decision_of
from pyai_voice.server.engines.load import Engines, load_engines
from pyai_voice.server.serving import running

from ..report import Table, medians, quantile
from .clips import Clip, kept_clips

_DIALS = (0.0, 0.5, 1.0)
_DEFAULT = 0.5
_VOICES = ("stock_heart_en_us", "stock_oak_en_us")
"""The voices of the calls on which the dial is turned."""
_LIVE = 4
"""Calls at once over the socket."""
_RIGHT = {
    "human": {"human"},
    "voicemail": {"voicemail", "machine"},
    "ivr": {"ivr", "machine", "voicemail"},
    "screening": {"screening", "machine", "voicemail", "ivr"},
    "sit_invalid": {"sit_invalid"},
    "beep": {"voicemail"},
    "fax": {"fax"},
    "music": {"music"},
    "silence": {"silence"},
    "ringing": {"unknown", "silence"},
}
"""Kind of call -> subtypes that are right: a machine's coarse word is the same for all machines."""
_MACHINES = ("voicemail", "ivr", "screening", "beep", "fax", "music")


@dataclass(frozen=True)
class Judged:
    """One call and what was decided."""

    clip: Clip
    verdict: Verdict

    @property
    def right(self) -> bool:
        """Whether it is what it is."""
        return self.verdict.subtype in _RIGHT[self.clip.kind]

    @property
    def waited(self) -> float:
        """Seconds from the first sound to the decision."""
        return self.verdict.at - self.clip.began

    @property
    def decision(self) -> AmdDecision:
        """What a client is told."""
        return decision_of(self.verdict, "C", {})


async def measure(half: str, quick: bool) -> list[Table]:
    """Judge the calls of a half."""
    clips = kept_clips(half)[:: 12 if quick else 1]
    engines = await load_engines()
    try:
        every = [await _judge(engines, clip, _DEFAULT) for clip in clips]
        some = [one for one in every if not one.clip.text or one.clip.name.endswith(_VOICES)]
        turned = {
            part: some if part == _DEFAULT else [await _judge(engines, one.clip, part) for one in some]
            for part in _DIALS
        }
        live = await _live(engines, [one for one in every if one.clip.kind in ("human", "voicemail")][::7])
    finally:
        await engines.aclose()
    return [_by_kind(half, every), _by_text(every), _by_dial(turned), live]


async def _judge(engines: Engines, clip: Clip, aggressiveness: float) -> Judged:
    detector = Detector(engines, DetectorOptions(aggressiveness, settled=True))
    try:
        pcm = g711.decode(clip.coded())
        return Judged(clip, await detector.hear(pcm) or await detector.finish())
    finally:
        await detector.aclose()


def _by_kind(half: str, judged: Sequence[Judged]) -> Table:
    rows = list[tuple[str | float | int | None, ...]]()
    for kind in _RIGHT:
        found = [one for one in judged if one.clip.kind == kind]
        if not found:
            continue
        waited = [one.waited for one in found]
        wrong = Counter(one.verdict.subtype for one in found if not one.right)
        texts = len({one.clip.text or one.clip.name for one in found})
        right = 100 * sum(one.right for one in found) / len(found)
        said = ", ".join(f"{count} {subtype}" for subtype, count in wrong.most_common())
        rows.append((kind, texts, len(found), right, medians(waited), quantile(waited, 0.9), said or None))
    heads = ("answered by", "texts or sounds", "calls", "right %", "decided after s, p50", "p90", "taken for")
    return Table(f"Who has answered, {half} half, aggressiveness {_DEFAULT}", heads, rows)


def _by_text(judged: Sequence[Judged]) -> Table:
    wrong = Counter(
        (one.clip.kind, one.clip.text or "(a sound)", one.verdict.subtype) for one in judged if not one.right
    )
    rows = [(kind, text, subtype, count) for (kind, text, subtype), count in sorted(wrong.items())]
    return Table("What was taken for something else", ("is", "says", "taken for", "calls"), rows)


def _by_dial(turned: dict[float, list[Judged]]) -> Table:
    rows = list[tuple[float | None, ...]]()
    for part, judged in turned.items():
        people = [one for one in judged if one.clip.kind == "human"]
        machines = [one for one in judged if one.clip.kind in _MACHINES]
        rows.append(
            (
                part,
                _share(people, lambda one: one.decision.is_machine()),
                _share(people, lambda one: not one.decision.is_human()),
                _share(machines, lambda one: one.decision.is_human()),
                _share(machines, lambda one: not one.decision.is_machine()),
                medians(one.waited for one in people),
                medians(one.waited for one in machines),
            )
        )
    heads = (
        "aggressiveness",
        "people taken for machines %",
        "people not known as such %",
        "machines taken for people %",
        "machines not known as such %",
        "people decided after s, p50",
        "machines, p50",
    )
    people, machines = (sum(one.clip.kind in kinds for one in judged) for kinds in (("human",), _MACHINES))
    return Table(f"The dial: {people} people, {machines} machines (two of the voices)", heads, rows)


def _share(judged: Sequence[Judged], wrong: object) -> float | None:
    assert callable(wrong)
    return 100 * sum(bool(wrong(one)) for one in judged) / len(judged) if judged else None


async def _live(engines: Engines, judged: Sequence[Judged]) -> Table:
    """Make the same calls over a socket in real time, a few at once."""
    places = asyncio.Semaphore(_LIVE)
    async with running(engines) as server:
        endpoint = Endpoint.from_env(server.api_key, server.base_url)
        heard = await asyncio.gather(*(_call(endpoint, one.clip, places) for one in judged))
    same = sum(
        decision.answered_by == one.decision.answered_by for one, (decision, _) in zip(judged, heard, strict=True)
    )
    later = [(decision.at or 0.0) - one.verdict.at for one, (decision, _) in zip(judged, heard, strict=True)]
    lag = [took for _, took in heard]
    heads = ("calls", "same answer %", "later than above s, p50", "p90", "told after the sound s, p50", "p90")
    row = (
        len(judged),
        100 * same / len(judged),
        medians(later),
        quantile(later, 0.9),
        medians(lag),
        quantile(lag, 0.9),
    )
    return Table(f"Over a socket in real time, {_LIVE} calls at once", heads, [row])


async def _call(endpoint: Endpoint, clip: Clip, places: asyncio.Semaphore) -> tuple[AmdDecision, float]:
    """Return the decision, and how long after the sound that decided it was told."""
    async with places, AmdStream(endpoint, AmdOptions(encoding="ulaw")) as amd:
        loop = asyncio.get_running_loop()
        coded, began = clip.coded(), loop.time()
        for number, start in enumerate(range(0, len(coded), 160)):
            await asyncio.sleep(began + number * 0.02 - loop.time())
            amd.send_audio(coded[start : start + 160])
            if amd.closed:
                break
        decision = await amd.decision()
        return decision, loop.time() - began - (decision.at or 0.0)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.amd", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="every twelfth call, for a first look")
    parser.add_argument("--half", choices=("judging", "tuning"), default="judging")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there as well")
    arguments = parser.parse_args()
    tables = asyncio.run(measure(arguments.half, arguments.quick))
    print("\n\n".join(table.markdown() for table in tables))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(table) for table in tables], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
