"""Lets one implementation speak: ``python -m benchmarks.speaking pipecat|livekit``, with questions on stdin.

A question is ``{"base_url", "seconds"}``, how long a sentence lasts; the answer is the ear's report.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from typing import Any

from ..children import obey
from ..speak_server import SENTENCES
from .ear import Ear, Speak


async def _measure(speak: Speak, base_url: str, seconds: float) -> dict[str, Any]:
    ear = Ear(len(SENTENCES), seconds)
    return ear.report(await speak(base_url, SENTENCES, ear))


def main() -> None:
    """Answer questions."""
    module = importlib.import_module(f".{sys.argv[1]}", __package__)
    with asyncio.Runner() as runner:
        obey(lambda question: runner.run(_measure(module.speak, **question)), ready=sys.argv[1])


if __name__ == "__main__":
    main()
