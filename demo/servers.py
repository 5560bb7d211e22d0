"""Where the demo hears, speaks and thinks: real services where their variables are set, local ones elsewhere."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Awaitable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pyai_voice.provider import PYAI

from .bots import load_bots
from .call import CallError
from .child import child

__all__ = ["Services", "services", "together"]

_Result = TypeVar("_Result")
_HEAD_START = 0.05
_READY = 60.0
"""Seconds that a local server has to load its models."""


@dataclass(frozen=True, slots=True)
class Services:
    """What is used, in words for the screen."""

    voice: str
    brain: str
    offline: bool
    """The brain is the offline one."""
    local: bool
    """Hear, Cue and Speak are the local server's, so that its knowledge base may be filled."""


@asynccontextmanager
async def services(log: Path) -> AsyncGenerator[Services]:
    """Start what is missing, set the variables that the bots read, and stop it all at the end.

    Raises CallError when a local server does not start, or when the variables contradict each other.
    """
    async with AsyncExitStack() as stack:
        offline = not os.environ.get("OPENAI_BASE_URL")
        local = not os.environ.get("PYAI_API_KEY")
        if local and os.environ.get("PYAI_BASE_URL"):
            raise CallError("PYAI_BASE_URL is set but PYAI_API_KEY is not: set it too, or unset both")
        starts: list[AbstractAsyncContextManager[None]] = []
        if offline:
            starts.append(_local("The offline brain", log, "demo.brain"))
        if local:  # after the brain, with which its Omni thinks
            starts.append(_local("The local PyAI server", log, "pyai_voice.cli", "serve"))
        await together(_one_by_one(stack, starts), _load_bots())
        os.environ.setdefault("OPENAI_API_KEY", "none")
        yield Services(_voice(local), _brain(offline), offline, local)


async def together(*work: Awaitable[_Result]) -> list[_Result]:
    """Do all of it and return the results; a failure is raised only when nothing is half done any more."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]


async def _one_by_one(stack: AsyncExitStack, starts: list[AbstractAsyncContextManager[None]]) -> None:
    for start in starts:
        await stack.enter_async_context(start)


async def _load_bots() -> None:
    """Import the frameworks while the servers load their models; LiveKit wants it in this thread."""
    await asyncio.sleep(_HEAD_START)
    load_bots()


@asynccontextmanager
async def _local(name: str, log: Path, *module: str) -> AsyncGenerator[None]:
    command = (sys.executable, "-m", *module, "--port", "0")
    async with child(name, *command, log=log, ready=_READY) as variables:
        os.environ.update(variables)
        try:
            yield
        finally:
            for variable in variables:
                os.environ.pop(variable, None)


def _voice(local: bool) -> str:
    url = os.environ.get("PYAI_BASE_URL") or PYAI.origin
    return f"the local server with offline engines, {url}" if local else url


def _brain(offline: bool) -> str:
    if offline:
        return "the offline brain: rules over the menu, no language model"
    return f"{os.environ.get('OPENAI_MODEL', 'the default model')} at {os.environ['OPENAI_BASE_URL']}"
