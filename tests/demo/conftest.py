"""The brain as a child process, as the demo starts it."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from demo.child import child
from tests.frameworks import frameworks_leave_http_clients_open, import_quietly

__all__ = ["brain", "frameworks_leave_http_clients_open"]

import_quietly("demo.headless.pipecat")


@pytest.fixture
async def brain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[str]:
    """Serve the offline brain, set the variables that OpenAI clients read, and give its base URL."""
    command = (sys.executable, "-m", "demo.brain", "--port", "0")
    async with child("The brain", *command, log=tmp_path / "brain.log", ready=20) as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        yield variables["OPENAI_BASE_URL"]
