"""Settings of the Pipecat tests: nothing deprecated is used, no task is left, no log holds the key."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from loguru import logger
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.core.scripted import KEY
from tests.core.scripted_http import CANARY

with warnings.catch_warnings():  # Pipecat warns of its own deprecated classes when it is imported for the first time
    warnings.simplefilter("ignore")
    from pipecat.utils.deprecation import DEPRECATION_MESSAGE_RE
    from pipecat.utils.tracing.setup import setup_tracing

    import pipecat_pyai

HERE = Path(__file__).parent
PACKAGE = Path(pipecat_pyai.__file__).parent
_deprecated: list[str] = []


def pytest_warning_recorded(warning_message: warnings.WarningMessage, nodeid: str) -> None:
    """Note what Pipecat says is deprecated; its warnings cannot be turned into errors by a filter."""
    told_of = Path(warning_message.filename)
    ours = told_of.is_relative_to(PACKAGE) or told_of.is_relative_to(HERE)
    if ours and DEPRECATION_MESSAGE_RE.match(str(warning_message.message)):
        _deprecated.append(f"{nodeid or told_of}: {warning_message.message}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run when something deprecated was used."""
    if _deprecated:
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what it was."""
    for line in _deprecated:
        terminalreporter.write_line(f"deprecated in Pipecat: {line}", red=True)


class Log(list[tuple[str, str]]):
    """What was logged: (level, text with traceback)."""

    def of(self, *levels: str) -> list[str]:
        return [text for level, text in self if level in levels]


@pytest.fixture(autouse=True)
def log() -> Iterator[Log]:
    """Collect everything that loguru gets, and check that no key is in it."""
    lines = Log()
    sink = logger.add(
        lambda message: lines.append((message.record["level"].name, str(message))),
        level="TRACE",
        backtrace=True,
        diagnose=True,
    )
    yield lines
    logger.remove(sink)
    assert not [text for _, text in lines if KEY in text or CANARY in text]


Traced = Callable[[], list[ReadableSpan]]
"""Returns the spans that have ended since the test began."""


@pytest.fixture(scope="session")
def exporter() -> InMemorySpanExporter:
    """Set up tracing, which a process does once."""
    exporter = InMemorySpanExporter()
    setup_tracing("test", exporter=exporter)
    return exporter


@pytest.fixture
def traced(exporter: InMemorySpanExporter) -> Traced:
    """Forget the spans of other tests."""
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    provider.force_flush()
    exporter.clear()

    def finished() -> list[ReadableSpan]:
        provider.force_flush()
        return list(exporter.get_finished_spans())

    return finished


@pytest.fixture(autouse=True)
async def no_task_left() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    left = {task for task in asyncio.all_tasks() - before - {asyncio.current_task()} if task and not task.done()}
    if left:
        await asyncio.wait(left, timeout=2.0)
    assert not {task for task in left if not task.done()}, "tasks were left behind"
