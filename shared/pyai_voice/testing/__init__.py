"""A PyAI server inside your test, with faults by script, to see whether your bot survives them.

    async with FaultyServer(hear=[Abort(after_bytes=32000)], speak=[Refuse(429, retry_after=2)]) as server:
        bot = MyBot(api_key=server.api_key, base_url=server.base_url)
        ...

The faults are in :mod:`.faults` and :mod:`.omni_faults`, what the server saw in :mod:`.records`. Audio whose transcript
is known to the sample is in :mod:`.coded`. Only :class:`FaultyServer` and ``coded_engines`` need the extra ``server``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ..errors import ConfigurationError
from . import faults, omni_faults
from .coded import FRAME, coded_speech, frames_in, silence, spoken
from .faults import *  # noqa: F403 - one list of names, there
from .omni_faults import *  # noqa: F403 - likewise
from .records import HearRecord, OmniRecord, SpeakRecord

if TYPE_CHECKING:
    from .engines import coded_engines
    from .server import FaultyServer

__all__ = [
    "FRAME",
    "FaultyServer",
    "HearRecord",
    "OmniRecord",
    "SpeakRecord",
    "coded_engines",
    "coded_speech",
    "frames_in",
    "silence",
    "spoken",
]
__all__ += faults.__all__
__all__ += omni_faults.__all__

_HOMES = {"FaultyServer": "server", "coded_engines": "engines"}
"""Public name -> its module, loaded at first use because it needs the extra."""


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    except ModuleNotFoundError as error:
        missing = error.name
    raise ConfigurationError(f"{name} needs {missing}", code="missing_extra", hint="pip install 'pyai-voice[server]'")
