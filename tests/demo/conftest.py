"""The brain as a child process, as the demo starts it."""

from __future__ import annotations

import gc
import importlib
import sys
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from demo.child import child

with warnings.catch_warnings():  # Pipecat warns of its own deprecated classes when it is imported for the first time
    warnings.simplefilter("ignore")
    importlib.import_module("demo.headless.pipecat")


@pytest.fixture(autouse=True)
def frameworks_leave_http_clients_open() -> Iterator[None]:
    """Let the clients that Pipecat's OpenAI service never closes go here, not as a warning in a later test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
async def brain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """Serve the offline brain, set the variables that OpenAI clients read, and give its base URL."""
    command = (sys.executable, "-m", "demo.brain", "--port", "0")
    async with child("The brain", *command, log=tmp_path / "brain.log", ready=20) as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        yield variables["OPENAI_BASE_URL"]
