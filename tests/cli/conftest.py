"""A server whose engines follow simple rules, and a shell that knows it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.cli.commands import Shell
from tests.server.conftest import Local, serve


@pytest.fixture
async def local() -> AsyncIterator[Local]:
    async with serve() as server:
        yield server


@pytest.fixture
def shell(local: Local) -> Shell:
    return Shell(local.server.base_url, local.server.api_key)
