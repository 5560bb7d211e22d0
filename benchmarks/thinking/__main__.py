"""Lets one framework listen: ``python -m benchmarks.thinking pipecat|livekit``, with questions on stdin.

A question is ``{"base_url", "api_key", "owner", "path"}``; the answer is what :class:`.notes.Notes` reports.
"""

from __future__ import annotations

import asyncio
import importlib
import sys

from ..children import obey


def main() -> None:
    """Answer questions."""
    module = importlib.import_module(f".{sys.argv[1]}", __package__)
    with asyncio.Runner() as runner:
        obey(lambda question: runner.run(module.listen(**question)), ready=sys.argv[1])


if __name__ == "__main__":
    main()
