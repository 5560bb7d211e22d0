"""The two bots of examples/, each ready to be called."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from .call import Call

__all__ = ["BOTS", "Connect", "load_bots"]

Connect = Callable[[Call], AbstractAsyncContextManager[None]]
"""Runs a bot on a call for as long as the context lasts."""


def _pipecat(call: Call) -> AbstractAsyncContextManager[None]:
    from examples.pipecat_bot import build

    from .headless.pipecat import call_bot

    return call_bot(call, build)


def _livekit(call: Call) -> AbstractAsyncContextManager[None]:
    from examples.livekit_agent import Barista, build

    from .headless.livekit import call_agent

    return call_agent(call, build(), Barista())


BOTS: dict[str, Connect] = {"Pipecat": _pipecat, "LiveKit": _livekit}
"""Framework -> how to call its bot. A framework is imported when its bot is called, or before by load_bots."""


def load_bots() -> None:
    """Import both bots now, with their frameworks; it takes a few seconds."""
    for name in ("headless.pipecat", "headless.livekit"):
        importlib.import_module(f".{name}", __package__)
    for name in ("pipecat_bot", "livekit_agent"):
        importlib.import_module(f"examples.{name}")
