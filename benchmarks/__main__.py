"""Runs the benchmarks, one after another: ``python -m benchmarks [--only NAME ...] [--quick] [--json DIR]``.

Each is a module of this package that can also be run alone: ``python -m benchmarks.NAME --help``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from .official import ROOT


@dataclass(frozen=True)
class Benchmark:
    """One module, and what makes it quick."""

    name: str
    tells: str
    quick: tuple[str, ...] | None = ("--quick",)
    """Further arguments for a quick run; None: it has none, and is left out."""


BENCHMARKS = (
    Benchmark("engines", "the local engines on human recordings: words, orders, latency, speed", quick=None),
    Benchmark("cost", "CPU, memory and latency of a Hear stream, beside the official packages"),
    Benchmark("sentences", "the hole between spoken sentences, beside the official packages"),
    Benchmark("eager", "what a predicted end of a turn gains, and how many predictions are withdrawn"),
    Benchmark("llm_start", "from the end of speech to the language model: frameworks' own turns and Cue's"),
    Benchmark("faults", "what drops, refusals and cut bodies cost, beside the official packages"),
    Benchmark("amd", "who has answered a call: accuracy by kind of answer, and the time until the decision"),
    Benchmark("omni", "whether an Omni session keeps its pace and its memory: one for an hour, twenty at once"),
    Benchmark("omni.voice_to_voice", "Omni's answer after the caller's last sound, hop by hop; and its interruption"),
    Benchmark("retrieval", "which passages are found: BM25, embeddings, and both fused", quick=()),
    Benchmark("knowledge_speed", "how long a question to 10,000 passages takes, in both stores"),
    Benchmark("vapi", "what the application for Vapi adds to Speak's first byte, with fifty calls at once"),
    Benchmark("twilio", "whether every 20 ms of fifty telephone calls arrives once, both ways, and how late"),
    Benchmark("cycles", "what 200 openings and closings leave behind"),
)


def main() -> int:
    """Run what was chosen; return 1 if any of it failed."""
    there = [one for one in BENCHMARKS if find_spec(f"{__package__}.{one.name}")]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog="\n".join(f"{one.name:20} {one.tells}" for one in there),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=[one.name for one in there])
    parser.add_argument("--quick", action="store_true", help="a few seconds each, for a first look")
    parser.add_argument("--json", type=Path, metavar="DIR", help="write the numbers there as well")
    arguments = parser.parse_args()
    chosen = [one for one in there if one.name in (arguments.only or [one.name for one in there])]
    return max([_run(one, arguments.quick, arguments.json) for one in chosen], default=0)


def _run(one: Benchmark, quick: bool, folder: Path | None) -> int:
    print(f"\n## {one.name}: {one.tells}\n", flush=True)
    if quick and one.quick is None:
        print("left out: it has no quick form", flush=True)
        return 0
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    options = [*((one.quick or ()) if quick else ()), *(["--json", str(folder / f"{one.name}.json")] if folder else [])]
    return int(subprocess.run([sys.executable, "-m", f"{__package__}.{one.name}", *options], cwd=ROOT).returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
