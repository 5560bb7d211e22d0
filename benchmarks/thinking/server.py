"""A local server with real engines in a process of its own: ``{"base_url", "api_key"}`` when it is ready."""

from __future__ import annotations

import asyncio
import json
import sys

from pyai_voice.server.engines.load import load_engines
from pyai_voice.server.serving import running


async def main() -> None:
    """Serve until standard input ends."""
    engines = await load_engines()
    async with running(engines) as server:
        print(json.dumps({"base_url": server.base_url, "api_key": server.api_key}), flush=True)
        await asyncio.to_thread(sys.stdin.read)
    await engines.aclose()


if __name__ == "__main__":
    asyncio.run(main())
