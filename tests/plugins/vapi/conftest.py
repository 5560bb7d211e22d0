"""The application's log, and everybody's."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.plugins.vapi.vapi_house import Lines


@pytest.fixture
def log() -> Iterator[Lines]:
    """The lines of the logger ``vapi_pyai``."""
    lines, logger = Lines(), logging.getLogger("vapi_pyai")
    logger.addHandler(lines)
    level = logger.level
    logger.setLevel(logging.INFO)
    yield lines
    logger.removeHandler(lines)
    logger.setLevel(level)


@pytest.fixture
def everything() -> Iterator[Lines]:
    """All that is logged, whatever its level."""
    lines, root = Lines(), logging.getLogger()
    root.addHandler(lines)
    level = root.level
    root.setLevel(logging.DEBUG)
    yield lines
    root.removeHandler(lines)
    root.setLevel(level)
