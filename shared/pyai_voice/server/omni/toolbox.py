"""Carries out the tools that the brain wants: at the client, at a web address, or as call control.

Above: the conversation. Below: the facts, and whoever posts to web addresses. Each call is answered once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ...errors import PyAIError
from ...omni_options import Tool
from ..brain import ToolRequest
from .fact_queue import FactQueue
from .facts import CallControl, ToolFinished, ToolWanted
from .history import ToolEntry
from .tasks import Tasks
from .turn import Turn

__all__ = ["CONTROLS", "ToolPoster", "Toolbox"]

CONTROLS = frozenset({"transfer_to_human", "send_dtmf", "play_hold", "collect", "end_call"})
"""Names of tools that are requests to the transport."""
TOOL_TIMEOUT = 5.0
"""Seconds for a web address to answer where the tool does not say."""


_CLOCK = "datetime"
"""The one tool that the server itself carries out."""


class ToolPoster(Protocol):
    """Posts tool calls to web addresses."""

    async def post(self, tool: Tool, call_id: str, arguments: dict[str, Any], timeout: float) -> Any:
        """Return the result. Raises PyAIError that says what went wrong, fit for the brain's ears."""
        ...


@dataclass(slots=True)
class _Pending:
    turn: Turn
    entry: ToolEntry
    began: float
    by: Literal["client", "webhook"]


class Toolbox:
    """The calls of one conversation; ``settled`` is told when the last open call of a turn has its answer."""

    def __init__(
        self, facts: FactQueue, tasks: Tasks, poster: ToolPoster | None, settled: Callable[[Turn], None]
    ) -> None:
        self._facts = facts
        self._tasks = tasks
        self._poster = poster
        self._settled = settled
        self._pending: dict[str, _Pending] = {}

    def ask(self, turn: Turn, request: ToolRequest, tools: tuple[Tool, ...], *, controls: bool) -> None:
        """Carry out a tool of a turn that has begun; its entry in the turn is there."""
        entry = next(each for each in turn.entry.tools if each.request is request)
        tool = next((each for each in tools if each.name == request.name), None)
        if tool is None:
            entry.answered, entry.error = True, f"there is no tool {request.name}"
            self._check(turn)
        elif controls and tool.name in CONTROLS:
            self._control(turn, entry)
        elif tool.name == _CLOCK and tool.execution == "engine" and tool.endpoint is None:
            entry.answered, entry.result = True, _date_and_time(request.arguments)
            self._check(turn)
        elif tool.endpoint is not None and self._poster is not None and tool.execution != "client":
            self._pending[request.call_id] = _Pending(turn, entry, _now(), "webhook")
            self._tasks.start(self._post(self._poster, tool, request))
        else:
            self._pending[request.call_id] = _Pending(turn, entry, _now(), "client")
            self._facts.put(ToolWanted(turn.reply, request.call_id, request.name, request.arguments))

    def answer(self, call_id: str, result: Any = None, error: str = "") -> None:
        """Take the answer of a call; what is not waited for is ignored."""
        pending = self._pending.pop(call_id, None)
        if pending is None:
            return
        entry, request = pending.entry, pending.entry.request
        entry.answered, entry.result, entry.error = True, result, error
        took = _now() - pending.began
        self._facts.put(ToolFinished(call_id, request.name, request.arguments, result, error, took, pending.by))
        self._check(pending.turn)

    def _check(self, turn: Turn) -> None:
        if all(each.answered for each in turn.entry.tools) and not turn.hang_up:
            self._settled(turn)

    def _control(self, turn: Turn, entry: ToolEntry) -> None:
        entry.answered, entry.result = True, "done"
        control = CallControl(turn.reply, entry.request.name, entry.request.arguments)
        if control.name == "end_call":
            turn.hang_up = control
        else:
            turn.controls.append(control)
            self._check(turn)

    async def _post(self, poster: ToolPoster, tool: Tool, request: ToolRequest) -> None:
        timeout = tool.timeout or TOOL_TIMEOUT
        try:
            async with asyncio.timeout(timeout):
                result = await poster.post(tool, request.call_id, request.arguments, timeout)
        except TimeoutError:
            self.answer(request.call_id, error="the tool did not answer in time")
        except PyAIError as error:
            self.answer(request.call_id, error=error.message)
        else:
            self.answer(request.call_id, result)


def _date_and_time(arguments: dict[str, Any]) -> str:
    """Return the time in the zone that was asked for, else in this machine's."""
    try:
        now = datetime.now(ZoneInfo(str(arguments["timezone"]))) if arguments.get("timezone") else datetime.now()
    except (ZoneInfoNotFoundError, ValueError):
        return f"there is no time zone {str(arguments['timezone'])[:40]}"
    return f"{now:%A, %B} {now.day}, {now.year}, {now:%I:%M %p}".replace(" 0", " ")


def _now() -> float:
    return asyncio.get_running_loop().time()
