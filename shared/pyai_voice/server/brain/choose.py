"""Which brain there is: a model where ``OPENAI_BASE_URL`` or ``OPENAI_API_KEY`` names one, else the offline one."""

from __future__ import annotations

from collections.abc import Mapping

from . import Brain
from .offline import OfflineBrain

__all__ = ["choose_brain"]

_OPENAI = "https://api.openai.com/v1"
_MODEL = "gpt-4o-mini"
"""Where OPENAI_MODEL does not say; the tests' and the demo's endpoints take any name."""


def choose_brain(environment: Mapping[str, str]) -> Brain:
    """Return a brain; the caller closes it.

    Raises ConfigurationError for an address that is neither https nor http to this machine.
    """
    address, key = environment.get("OPENAI_BASE_URL", ""), environment.get("OPENAI_API_KEY", "")
    if not address and not key:
        return OfflineBrain()
    from .endpoint import EndpointBrain  # takes a moment to load

    return EndpointBrain(address or _OPENAI, key, environment.get("OPENAI_MODEL") or _MODEL)
