"""Settings of all tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from pyai_voice.backoff import HOLD_OFF

if TYPE_CHECKING:
    from pyai_voice.server.engines.load import Engines

settings.register_profile("shared-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared-machine")


@pytest.fixture(autouse=True)
def nobody_is_held_off() -> Iterator[None]:
    """Forget what servers asked for: the next test's server may get the same port."""
    yield
    HOLD_OFF.__init__()


@pytest.fixture(scope="module")
def engines() -> Iterator[Engines]:
    """The real recogniser, voice detector and voices."""
    from pyai_voice.server.engines.load import load_engines

    loaded = asyncio.run(load_engines())
    yield loaded
    asyncio.run(loaded.aclose())
