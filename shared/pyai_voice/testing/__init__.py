"""A PyAI server inside your test, with faults by script, to see whether your bot survives them.

    async with FaultyServer(hear=[Abort(after_bytes=32000)], speak=[Refuse(429, retry_after=2)]) as server:
        bot = MyBot(api_key=server.api_key, base_url=server.base_url)
        ...

The faults are in :mod:`.faults`, what the server saw in :mod:`.records`. Audio whose transcript is known to the sample
is in :mod:`.coded`. Only :class:`FaultyServer` and ``coded_engines`` need the extra ``server``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from .coded import FRAME as FRAME
    from .coded import coded_speech as coded_speech
    from .coded import frames_in as frames_in
    from .coded import silence as silence
    from .coded import spoken as spoken
    from .engines import coded_engines as coded_engines
    from .faults import Abort as Abort
    from .faults import Close as Close
    from .faults import CloseAfterFinal as CloseAfterFinal
    from .faults import Delay as Delay
    from .faults import DuplicateFinal as DuplicateFinal
    from .faults import EmptyBody as EmptyBody
    from .faults import ErrorFrame as ErrorFrame
    from .faults import Fault as Fault
    from .faults import Hang as Hang
    from .faults import HangUp as HangUp
    from .faults import Healthy as Healthy
    from .faults import HearFault as HearFault
    from .faults import JsonIn200 as JsonIn200
    from .faults import LateFinal as LateFinal
    from .faults import NoCommitAnswer as NoCommitAnswer
    from .faults import NoFinal as NoFinal
    from .faults import Refuse as Refuse
    from .faults import Say as Say
    from .faults import SlowBody as SlowBody
    from .faults import SpeakFault as SpeakFault
    from .faults import SplitSamples as SplitSamples
    from .faults import Stall as Stall
    from .faults import WavHeaderWhenPcm as WavHeaderWhenPcm
    from .records import HearRecord as HearRecord
    from .records import SpeakRecord as SpeakRecord
    from .server import FaultyServer as FaultyServer

_HOMES = {
    "coded": ("FRAME", "coded_speech", "frames_in", "silence", "spoken"),
    "engines": ("coded_engines",),
    "faults": (
        "Abort",
        "Close",
        "CloseAfterFinal",
        "Delay",
        "DuplicateFinal",
        "EmptyBody",
        "ErrorFrame",
        "Fault",
        "Hang",
        "HangUp",
        "Healthy",
        "HearFault",
        "JsonIn200",
        "LateFinal",
        "NoCommitAnswer",
        "NoFinal",
        "Refuse",
        "Say",
        "SlowBody",
        "SpeakFault",
        "SplitSamples",
        "Stall",
        "WavHeaderWhenPcm",
    ),
    "records": ("HearRecord", "SpeakRecord"),
    "server": ("FaultyServer",),
}
"""Module -> the public names that it defines, loaded at first use."""

__all__ = sorted(name for names in _HOMES.values() for name in names)  # pyright: ignore[reportUnsupportedDunderAll] - one list, not two


def __getattr__(name: str) -> object:
    home = next((module for module, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f".{home}", __name__), name)
    except ModuleNotFoundError as error:
        missing = error.name
    raise ConfigurationError(f"{name} needs {missing}", code="missing_extra", hint="pip install 'pyai-voice[server]'")
