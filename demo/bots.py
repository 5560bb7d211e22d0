"""The bots of examples/ that the demo calls, each ready to be called."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from .call import Call

__all__ = ["BOTS", "Bot", "Connect", "load_bots"]

Connect = Callable[[Call], AbstractAsyncContextManager[None]]
"""Runs a bot on a call for as long as the context lasts."""


@dataclass(frozen=True, slots=True)
class Bot:
    """One of them."""

    connect: Connect
    realtime: bool = False
    """Omni is its ears, its mind and its voice; else it is made of Hear, a brain and Speak."""


def _pipecat(call: Call) -> AbstractAsyncContextManager[None]:
    from examples.pipecat_bot import build

    from .headless.pipecat import call_bot

    return call_bot(call, build)


def _livekit(call: Call) -> AbstractAsyncContextManager[None]:
    from examples.livekit_agent import Barista, build

    from .headless.livekit import call_agent

    return call_agent(call, build(), Barista())


def _omni_pipecat(call: Call) -> AbstractAsyncContextManager[None]:
    from examples.pipecat_omni_bot import build

    from .headless.pipecat import call_bot

    return call_bot(call, build)


def _omni_livekit(call: Call) -> AbstractAsyncContextManager[None]:
    from examples.livekit_omni_agent import Barista, build

    from .headless.livekit import call_agent

    return call_agent(call, build(), Barista())


BOTS: dict[str, Bot] = {
    "Pipecat": Bot(_pipecat),
    "LiveKit": Bot(_livekit),
    "Omni in Pipecat": Bot(_omni_pipecat, realtime=True),
    "Omni in LiveKit": Bot(_omni_livekit, realtime=True),
}
"""Name -> bot. A framework is imported when its bot is called, or before by load_bots."""


def load_bots() -> None:
    """Import all bots now, with their frameworks; it takes a few seconds."""
    for name in ("headless.pipecat", "headless.livekit"):
        importlib.import_module(f".{name}", __package__)
    for name in ("pipecat_bot", "livekit_agent", "pipecat_omni_bot", "livekit_omni_agent"):
        importlib.import_module(f"examples.{name}")
