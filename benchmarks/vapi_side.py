"""One side of ``benchmarks.vapi``, a process of its own: ``python -m benchmarks.vapi_side (speak | app URL KEY)``.

``speak`` is the local server with the test engine, whose samples follow from the text; ``app`` is the application for
Vapi over it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from pyai_voice.client import Client
from pyai_voice.options import Endpoint
from pyai_voice.server.serving import bind, running, serving, settle
from pyai_voice.server.settings import Settings
from pyai_voice.testing import coded_engines
from vapi_pyai import Access, Token, create_app

from .children import obey

__all__ = ["SECRET"]

SECRET = "benchmark-secret-0123456789"
_MANY = Settings(max_requests=256)


async def main() -> None:
    """Serve until killed."""
    if sys.argv[1] == "speak":
        async with running(coded_engines(), _MANY) as server:
            await asyncio.to_thread(obey, _cpu, url=server.base_url, key=server.api_key)
    async with Client(Endpoint.from_env(sys.argv[3], sys.argv[2])) as client:
        async with serving(create_app(Access(Token(SECRET)), client), _MANY, bind()) as (_, url):
            settle()
            await asyncio.to_thread(obey, _cpu, url=url)


def _cpu(_question: dict[str, Any]) -> dict[str, Any]:
    """Answer with the processor time, in seconds, of this process so far."""
    return {"cpu": time.process_time()}


if __name__ == "__main__":
    asyncio.run(main())
