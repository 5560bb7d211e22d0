"""What the frameworks do that our strict warnings would trip over: import the fixture where bots are run."""

from __future__ import annotations

import gc
import importlib
import warnings
from collections.abc import Iterator

import pytest

__all__ = ["frameworks_leave_http_clients_open", "import_quietly"]


def import_quietly(*names: str) -> None:
    """Import modules that warn of their own deprecated classes when they are imported for the first time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            importlib.import_module(name)


@pytest.fixture(autouse=True)
def frameworks_leave_http_clients_open() -> Iterator[None]:
    """Let the clients that Pipecat's OpenAI service never closes go here, not as a warning in a later test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
