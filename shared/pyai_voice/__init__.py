"""PyAI's voice for asyncio: Hear (speech to text), Speak (text to speech), one transport core for every host.

Names are loaded at first use, so that importing the package is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .events import *  # noqa: F403
    from .options import Endpoint, HearOptions, LinkOptions, SpeakOptions

__version__ = "0.2.0"

_HOMES = {
    "Endpoint": "options",
    "HearOptions": "options",
    "LinkOptions": "options",
    "SpeakOptions": "options",
}

__all__ = ["Endpoint", "HearOptions", "LinkOptions", "SpeakOptions", "__version__"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
