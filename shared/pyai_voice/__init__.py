"""PyAI's voice for asyncio: Hear (speech to text), Speak (text to speech), one transport core for every host.

Names are loaded at first use, so that importing the package is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ._version import __version__ as __version__

if TYPE_CHECKING:
    from .amd import AmdStream as AmdStream
    from .amd_events import AmdDecision as AmdDecision
    from .amd_options import AmdOptions as AmdOptions
    from .client import Client as Client
    from .errors import PyAIError as PyAIError
    from .hear import HearStream as HearStream
    from .omni import OmniStream as OmniStream
    from .omni_options import OmniOptions as OmniOptions
    from .omni_options import Tool as Tool
    from .options import CueOptions as CueOptions
    from .options import Endpoint as Endpoint
    from .options import HearOptions as HearOptions
    from .options import LinkOptions as LinkOptions
    from .options import SpeakOptions as SpeakOptions
    from .options import TurnPolicy as TurnPolicy
    from .speak import SpeakClient as SpeakClient
    from .speak import Speech as Speech
    from .webhooks import sign_webhook as sign_webhook
    from .webhooks import verify_webhook as verify_webhook

_HOMES = {
    "AmdDecision": "amd_events",
    "AmdOptions": "amd_options",
    "AmdStream": "amd",
    "Client": "client",
    "CueOptions": "options",
    "Endpoint": "options",
    "HearOptions": "options",
    "HearStream": "hear",
    "LinkOptions": "options",
    "OmniOptions": "omni_options",
    "OmniStream": "omni",
    "PyAIError": "errors",
    "SpeakClient": "speak",
    "SpeakOptions": "options",
    "Speech": "speak",
    "Tool": "omni_options",
    "TurnPolicy": "options",
    "sign_webhook": "webhooks",
    "verify_webhook": "webhooks",
}
"""Public name -> the module that defines it; events are in ``pyai_voice.events``, all errors in ``.errors``."""

__all__ = sorted([*_HOMES, "__version__"])  # pyright: ignore[reportUnsupportedDunderAll] - one list, not two


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
