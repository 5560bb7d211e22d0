"""Media streams of Twilio: each WebSocket is a call, and gets an agent of Omni.

Above: :mod:`.app`. Below: :mod:`.line`, the socket, and :mod:`.call`, what happens on it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from pyai_voice.amd import AmdStream
from pyai_voice.client import Client
from pyai_voice.errors import ServiceError
from pyai_voice.g711 import RATE
from pyai_voice.omni import OmniStream
from pyai_voice.omni_options import OmniOptions
from pyai_voice.omni_tools import ToolHandler
from pyai_voice.server.limits import Slots

from .access import Access
from .call import Call
from .control import CallControl
from .line import Line
from .options import TwilioOptions
from .refusals import Refusal, from_core
from .wire import Started

__all__ = ["Agent", "MediaStreams", "Means"]

_log = logging.getLogger("twilio_pyai")

Agent = OmniOptions | Callable[[Started], OmniOptions]
"""Who answers: the same agent for all, or one chosen by what the call says, such as ``started.parameters["to"]``."""


@dataclass(frozen=True, slots=True)
class Means:
    """What every call is served with."""

    agent: Agent
    client: Client
    options: TwilioOptions
    handlers: Mapping[str, ToolHandler] | None = None
    control: CallControl | None = None


class MediaStreams:
    """Serves all calls; an ASGI application."""

    def __init__(self, access: Access, places: Slots, means: Means) -> None:
        self._access = access
        self._places = places
        self._means = means

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call, with one line in the log when it is over."""
        line = Line(WebSocket(scope, receive, send), self._means.options)
        outcome, fine = "failed", False
        try:
            outcome, fine = await self._attempt(line)
        finally:
            _log.log(logging.INFO if fine else logging.WARNING, "media %s, %s", outcome, line.account())

    async def _attempt(self, line: Line) -> tuple[str, bool]:
        try:
            with self._places.take():
                self._access.check(line.websocket)
                return await self._serve(line), True
        except Refusal as error:
            refusal = error
        except ServiceError as error:
            refusal = from_core(error)
        except WebSocketDisconnect:
            return "hung up before it began", True
        await line.end(refusal)
        return f"{refusal.status_code}, {refusal.detail}", False

    async def _serve(self, line: Line) -> str:
        await line.websocket.accept()
        started = await line.start()
        means = self._means
        async with AsyncExitStack() as held:
            stream = await held.enter_async_context(self._omni(started))
            amd = await held.enter_async_context(self._amd()) if means.options.amd else None
            call = Call(line, started, stream, amd, means.client, means.control, means.options)
            outcome = await call.run()
            await line.end()  # before Omni's goodbye, for which nobody on the telephone should wait
            return outcome

    def _omni(self, started: Started) -> OmniStream:
        means = self._means
        agent = means.agent(started) if callable(means.agent) else means.agent
        # 8000 both ways: the sound is decoded and encoded, and never resampled
        agent = agent.replace(rate=RATE, input_rate=None, output_rate=RATE)
        return means.client.omni(agent, handlers=means.handlers, link=means.options.link)

    def _amd(self) -> AmdStream:
        options = self._means.options
        assert options.amd is not None
        return self._means.client.detect(options.amd.replace(encoding="ulaw", sample_rate=RATE), link=options.link)
