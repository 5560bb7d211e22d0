"""Settings of all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from pyai_voice.backoff import HOLD_OFF

settings.register_profile("shared-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared-machine")


@pytest.fixture(autouse=True)
def nobody_is_held_off() -> Iterator[None]:
    """Forget what servers asked for: the next test's server may get the same port."""
    yield
    HOLD_OFF.__init__()
