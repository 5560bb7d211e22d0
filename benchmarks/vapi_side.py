"""One side of ``benchmarks.vapi``, a process of its own: ``python -m benchmarks.vapi_side (speak | app URL KEY)``.

``speak`` is the local server with the test engine, whose samples follow from the text; ``app`` is the application for
Vapi over it.
"""

from __future__ import annotations

import asyncio
import sys

from pyai_voice.client import Client
from pyai_voice.options import Endpoint
from pyai_voice.server.serving import bind, running, serving
from pyai_voice.server.settings import Settings
from pyai_voice.testing import coded_engines
from vapi_pyai import Access, Token, create_app

from .children import say_hello

__all__ = ["SECRET"]

SECRET = "benchmark-secret-0123456789"
_MANY = Settings(max_requests=256)


async def main() -> None:
    """Serve until killed."""
    if sys.argv[1] == "speak":
        async with running(coded_engines(), _MANY) as server:
            say_hello(url=server.base_url, key=server.api_key)
            await asyncio.Event().wait()
    async with Client(Endpoint.from_env(sys.argv[3], sys.argv[2])) as client:
        async with serving(create_app(Access(Token(SECRET)), client), _MANY, bind()) as (_, url):
            say_hello(url=url)
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
