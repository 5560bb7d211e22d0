"""A server as a child process that says when it is ready by printing ``export NAME=value ...`` on one line."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from .call import CallError

__all__ = ["child"]

_STOP_TIMEOUT = 6.0


@asynccontextmanager
async def child(name: str, *command: str, log: Path, ready: float) -> AsyncGenerator[dict[str, str]]:
    """Start a server, yield the variables that it exports, and stop it at the end.

    Its standard error goes to ``log``. Raises CallError when it is not ready within ``ready`` seconds.
    It runs in a session of its own, so that Ctrl-C reaches only the parent, which then stops it.
    """
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=errors, start_new_session=True
        )
    assert process.stdout is not None
    rest: asyncio.Task[None] | None = None
    try:
        variables = await _exported(name, process.stdout, log, ready)
        rest = asyncio.create_task(_drain(process.stdout))
        yield variables
    finally:
        await _stop(process)
        if rest:
            await rest


async def _exported(name: str, output: asyncio.StreamReader, log: Path, seconds: float) -> dict[str, str]:
    try:
        async with asyncio.timeout(seconds):
            async for line in output:
                kind, _, rest = line.decode("utf-8", "replace").partition(" ")
                if kind == "export":
                    return dict(word.split("=", 1) for word in shlex.split(rest))
    except TimeoutError:
        raise CallError(f"{name} was not ready within {seconds:.0f} s; see {log}") from None
    raise CallError(f"{name} ended before it was ready; see {log}")


async def _drain(output: asyncio.StreamReader) -> None:
    while await output.read(65536):
        pass


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_TIMEOUT)
    except TimeoutError:
        process.kill()
        await process.wait()
