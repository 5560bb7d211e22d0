"""The two bots of examples/, each ready to be called."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from .call import Call

__all__ = ["BOTS", "Connect"]

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
"""Framework -> how to call its bot. A framework is imported when its bot is called."""
