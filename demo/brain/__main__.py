"""Serve the brain: ``python -m demo.brain [--port N]`` prints ``export OPENAI_BASE_URL=...`` when it is ready."""

from __future__ import annotations

import argparse
import asyncio
import socket

import uvicorn

from .server import app


async def serve(port: int) -> None:
    """Serve on this machine until a signal ends it; port 0 takes a free one."""
    listener = socket.create_server(("127.0.0.1", port))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    print(f"export OPENAI_BASE_URL={url} OPENAI_API_KEY=offline", flush=True)
    await server.serve(sockets=[listener])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(serve(parser.parse_args().port))
