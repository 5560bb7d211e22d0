"""From the end of a caller's speech to the language model: frameworks' defaults, Cue, and Cue with eager predictions.

    python -m benchmarks.llm_start [--quick] [--json FILE] [--plot FILE] [--clips N]

Recordings of people (``shared/speech`` beside the project, else sentences read by the local Speak) are played in real
time to a Pipecat pipeline and to a LiveKit AgentSession, both with our Hear and a local server with real engines. The
frameworks' own way: Silero and Smart Turn in Pipecat, LiveKit's voice and turn detectors in LiveKit. The end of speech
is where the voice detector hears the last of it. A turn that ends before it is a false cut-off.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.progress import track

from pyai_voice.audio import AudioFormat, read_wav, resample, wav_bytes
from pyai_voice.server.engines.load import Engines, load_engines

from .children import Child, child
from .engines import SAID, SPEECH, speech_limits
from .report import Table, quantile

FRAMEWORKS = ("pipecat", "livekit")
OWNERS = {"framework": "its own detectors", "cue": "Cue", "eager": "Cue, eager"}
RATE = 16000


@dataclass(frozen=True)
class Clip:
    """A recording, and where its speech ends."""

    path: str
    end: float
    """Seconds."""


@dataclass
class Heard:
    """What one bot did with one clip."""

    clip: Clip
    thinking: list[float]
    ended: list[float]
    texts: list[str]

    @property
    def cut(self) -> bool:
        """Whether a turn ended while the caller still spoke."""
        return any(at < self.clip.end for at in self.ended)

    @property
    def decided(self) -> float | None:
        """Seconds from the end of speech to the end of the last turn."""
        return self.ended[-1] - self.clip.end if self.ended else None

    @property
    def start(self) -> float | None:
        """Seconds from the end of speech to the request whose answer the caller gets; less than 0: ahead of it."""
        asked = [at for at in self.thinking if not self.ended or at <= self.ended[-1] + 0.25]
        return asked[-1] - self.clip.end if asked and self.ended else None


def clips(folder: Path, count: int, scratch: Path) -> list[Clip]:
    """Return the clips as 16 kHz files with the ends of their speech."""
    recorded = sorted([*folder.glob("coffee_*.wav"), *folder.glob("austen_*.wav")])
    return asyncio.run(_clips(recorded[:count], count, scratch))


async def _clips(recorded: list[Path], count: int, scratch: Path) -> list[Clip]:
    engines = await load_engines()
    try:
        paths = recorded or [await _read_aloud(engines, text, scratch) for text in SAID[:count]]
        return [_clip(engines, path, scratch) for path in paths]
    finally:
        await engines.aclose()


async def _read_aloud(engines: Engines, text: str, scratch: Path) -> Path:
    pcm = b"".join([part async for part in engines.synthesizer.stream(text)])
    path = scratch / f"said_{len(text)}.wav"
    path.write_bytes(wav_bytes(pcm, AudioFormat(engines.synthesizer.rate)))
    return path


def _clip(engines: Engines, path: Path, scratch: Path) -> Clip:
    pcm, source = read_wav(path)
    pcm = resample(pcm, source.rate, RATE)
    copy = scratch / f"16k_{path.name}"
    copy.write_bytes(wav_bytes(pcm, AudioFormat(RATE)))
    return Clip(str(copy), speech_limits(engines, pcm)[1])


def listen(chosen: list[Clip]) -> dict[tuple[str, str], list[Heard]]:
    """Play every clip to both frameworks at once, one owner of the turn after the other."""
    heard: dict[tuple[str, str], list[Heard]] = {(one, owner): [] for one in FRAMEWORKS for owner in OWNERS}
    with ExitStack() as stack:
        server = stack.enter_context(child("thinking server", "benchmarks.thinking.server"))
        bots = {one: stack.enter_context(child(f"thinking {one}", "benchmarks.thinking", one)) for one in FRAMEWORKS}
        pool = stack.enter_context(ThreadPoolExecutor(len(bots)))
        for clip in track(chosen, "playing"):
            for owner in OWNERS:
                question = {**server.hello, "owner": owner, "path": clip.path}
                answers = pool.map(lambda bot, question=question: _ask(bot, question), bots.values())
                for one, answer in zip(FRAMEWORKS, answers, strict=True):
                    heard[one, owner].append(Heard(clip, **answer))
    return heard


def _ask(bot: Child, question: dict[str, Any]) -> dict[str, Any]:
    return bot.ask(**question)


def tables(heard: dict[tuple[str, str], list[Heard]]) -> list[Table]:
    """Return one row for each framework and owner."""
    heads = (
        "framework",
        "turn ends by",
        "clips",
        "false cut-offs, %",
        "LLM start ms p50",
        "p90",
        "turn decided ms p50",
        "p90",
        "LLM requests a turn",
    )
    rows = [(one.capitalize(), OWNERS[owner], *_summary(results)) for (one, owner), results in heard.items()]
    return [Table("End of speech to LLM start", heads, rows)]


def _summary(results: list[Heard]) -> tuple[float | int | None, ...]:
    starts = [1000 * result.start for result in results if result.start is not None]
    decided = [1000 * result.decided for result in results if result.decided is not None]
    turns = sum(len(result.ended) for result in results)
    return (
        len(results),
        100 * sum(result.cut for result in results) / len(results),
        quantile(starts, 0.5),
        quantile(starts, 0.9),
        quantile(decided, 0.5),
        quantile(decided, 0.9),
        sum(len(result.thinking) for result in results) / max(1, turns),
    )


def plot(heard: dict[tuple[str, str], list[Heard]], path: Path) -> None:
    """Draw, for each framework, which share of the callers has been understood by when."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "pyai"
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(FRAMEWORKS), figsize=(9, 3.4), sharey=True)
    for axis, one in zip(axes, FRAMEWORKS, strict=True):
        for owner, name in OWNERS.items():
            starts = sorted(1000 * result.start for result in heard[one, owner] if result.start is not None)
            axis.step(starts, [100 * (place + 1) / len(starts) for place in range(len(starts))], label=name)
        axis.set(title=one.capitalize(), xlabel="ms from end of speech to LLM start")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("% of callers")
    axes[-1].legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Read the arguments, measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three clips, for a first look")
    parser.add_argument("--clips", type=int, default=30, metavar="N")
    parser.add_argument("--speech", type=Path, default=SPEECH, help="folder of the recordings")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there as well")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw them there (SVG)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        heard = listen(clips(arguments.speech, 3 if arguments.quick else arguments.clips, Path(scratch)))
    found = tables(heard)
    print("\n\n".join(table.markdown() for table in found))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(table) for table in found], indent=1), encoding="utf-8")
    if arguments.plot:
        plot(heard, arguments.plot)


if __name__ == "__main__":
    main()
