"""The streams of :mod:`.engines` on a virtual clock: a busy machine changes nothing but how long it takes.

    python -m benchmarks.engines_virtual [--speech DIR] [--json FILE]

The clock stands still while the engines work, and moves by the processor time of each reading: left out are waiting
for a core or another thread, and the voice detector (0.1 ms for each 32 ms).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from pyai_voice.server.engines import Priority, Recognition
from pyai_voice.server.engines.load import Engines, load_engines
from pyai_voice.server.engines.moonshine import find_moonshine, split_at_quiet
from pyai_voice.server.engines.moonshine_model import Decoded, MoonshineModel
from pyai_voice.server.engines.vocabulary import Vocabulary
from tests.virtual_time import run

from .engines import SPEECH, measure_streams, read_clips, show


class InlineRecognizer:
    """The local recogniser without threads: reads at once, then lets the clock pass by what that took."""

    name, rate, languages, longest = "moonshine-tiny-en", 16000, frozenset({"en"}), 20.0

    def __init__(self) -> None:
        self._model = MoonshineModel(find_moonshine())

    async def recognize(self, pcm: bytes, priority: Priority, vocabulary: Vocabulary | None = None) -> Recognition:
        """Return the words of one piece of audio."""
        began = time.thread_time()
        parts = [self._read(part, vocabulary) for part in split_at_quiet(pcm)]
        await asyncio.sleep(time.thread_time() - began)
        score = sum(part.score for part in parts) / max(1, sum(part.tokens for part in parts))
        return Recognition(" ".join(part.text for part in parts if part.text), score)

    def _read(self, pcm: bytes, vocabulary: Vocabulary | None) -> Decoded:
        samples = np.divide(np.frombuffer(pcm, "<i2"), 32768, dtype=np.float32)
        return self._model.decode(samples, vocabulary, lambda: False)


async def load() -> Engines:
    """Load the engines, with a recogniser that needs no threads."""
    engines = await load_engines()
    await engines.aclose()
    return replace(engines, recognizer=InlineRecognizer())


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, default=SPEECH, help="folder of the recordings")
    parser.add_argument("--json", type=Path, help="write the numbers there as well")
    arguments = parser.parse_args()
    clips = read_clips(parser, arguments.speech)
    engines = asyncio.run(load())
    found = {
        name: value for line in ("16k", "8k") for name, value in run(measure_streams(engines, clips, 1, line)).items()
    }
    show(found)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
