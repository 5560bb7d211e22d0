"""The front's log; a client of the front, and one of the local server."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator

import pytest
from openai import AsyncOpenAI

from tests.plugins.openai.openai_front_house import Lines, house, openai_client


@pytest.fixture
def log() -> Iterator[Lines]:
    """The lines of the logger ``openai_pyai``."""
    lines, logger = Lines(), logging.getLogger("openai_pyai")
    logger.addHandler(lines)
    level = logger.level
    logger.setLevel(logging.INFO)
    yield lines
    logger.removeHandler(lines)
    logger.setLevel(level)


@pytest.fixture(params=["front", "local server"])
async def there(request: pytest.FixtureRequest) -> AsyncIterator[AsyncOpenAI]:
    """An official client of the front, and one of the local server."""
    async with house() as built:
        if request.param == "front":
            yield built.openai
            return
        async with openai_client(f"{built.pyai.base_url}/v1", built.pyai.api_key) as client:
            yield client
