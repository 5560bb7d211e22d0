"""A faulty server whose key is a canary, and the three hosts that every scenario runs on."""

from __future__ import annotations

import asyncio
import logging
import sys
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import is_dataclass
from typing import Any

import loguru
import pytest

from pyai_voice.testing import FaultyServer

from .canary import Canary
from .hosts.core import core_bot
from .hosts.facts import Bot
from .hosts.livekit import livekit_bot

with warnings.catch_warnings():  # Pipecat warns of its own deprecated classes when it is imported for the first time
    warnings.simplefilter("ignore")
    from .hosts.pipecat import pipecat_bot

HOSTS = {"core": core_bot, "pipecat": pipecat_bot, "livekit": livekit_bot}

Serve = Callable[..., AbstractAsyncContextManager[FaultyServer]]
Start = Callable[..., AbstractAsyncContextManager[Bot]]
Scenario = Callable[[Start], Awaitable[None]]
Everywhere = Callable[[Scenario], Awaitable[None]]


def name(fault: object) -> str:
    """Name a case after its fault, or its faults in a row."""
    if isinstance(fault, list):
        return ", ".join(map(name, fault)) or "no fault"
    return str(fault) if is_dataclass(fault) else type(fault).__name__


class _Ear(logging.Handler):
    def __init__(self, canary: Canary) -> None:
        super().__init__(logging.DEBUG)
        self._canary = canary

    def emit(self, record: logging.LogRecord) -> None:
        self._canary.words += [self.format(record), repr(record.__dict__)]


@pytest.fixture
def canary(capfd: pytest.CaptureFixture[str]) -> Iterator[Canary]:
    """Listen to all logs at their lowest level, to stdout and stderr; at the end no key may have been there."""
    canary = Canary()
    root = logging.getLogger()
    level, ear = root.level, _Ear(canary)
    root.setLevel(logging.DEBUG)
    root.addHandler(ear)
    sink = loguru.logger.add(lambda message: canary.words.append(str(message)), level="TRACE", diagnose=True)
    try:
        yield canary
    finally:
        loguru.logger.remove(sink)
        root.removeHandler(ear)
        root.setLevel(level)
    printed = capfd.readouterr()
    canary.words += [printed.out, printed.err]
    canary.check()
    sys.stdout.write(printed.out)
    sys.stderr.write(printed.err)


@pytest.fixture
def serve(canary: Canary) -> Serve:
    """Start a faulty server; its key becomes a canary."""

    @asynccontextmanager
    async def start(**options: Any) -> AsyncIterator[FaultyServer]:
        async with FaultyServer(**options) as server:
            canary.keys.append(server.api_key)
            yield server

    return start


@pytest.fixture(params=list(HOSTS))
def host(request: pytest.FixtureRequest) -> str:
    """The host that the scenario runs on."""
    return request.param


def starter(host: str, canary: Canary) -> Start:
    @asynccontextmanager
    async def run(server: FaultyServer, **options: Any) -> AsyncIterator[Bot]:
        async with HOSTS[host](server.base_url, server.api_key, **options) as bot:
            yield bot
        for _, value in bot.facts.everything():
            canary.look_at(value)

    return run


@pytest.fixture
def start(host: str, canary: Canary) -> Start:
    """Start a bot of that host; what it reports is searched for the key."""
    return starter(host, canary)


@pytest.fixture
def everywhere(canary: Canary) -> Everywhere:
    """Run a scenario on all hosts at once: it mostly waits."""

    async def run(scenario: Scenario) -> None:
        async with asyncio.TaskGroup() as group:
            for host in HOSTS:
                group.create_task(named(host, scenario(starter(host, canary))))

    return run


async def named(host: str, scenario: Awaitable[None]) -> None:
    try:
        await scenario
    except BaseException as error:
        error.add_note(f"on {host}")
        raise
