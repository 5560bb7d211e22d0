"""Functions of the program that answer the agent's tool calls.

Above: :mod:`pyai_voice.omni`. Whatever a function does, its call is answered: with its result, or with an error.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from .omni_events import ToolCalled

__all__ = ["ToolHandler", "ToolRunner"]

ToolHandler = Callable[[dict[str, Any]], Awaitable[object]]
"""Takes the arguments; returns what JSON can say, at most about 6 kB. Of what it raises the agent is told the kind."""

_logger = logging.getLogger(__name__)


class ToolRunner:
    """Runs one task for each call of a tool that has a function."""

    def __init__(
        self,
        handlers: Mapping[str, ToolHandler],
        answer: Callable[[str, object], None],
        fail: Callable[[str, str], None],
    ) -> None:
        self._handlers = dict(handlers)
        self._answer = answer
        self._fail = fail
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, call: ToolCalled) -> None:
        """Answer a call, where its tool has a function here."""
        handler = self._handlers.get(call.name)
        if handler is not None:
            task = asyncio.create_task(self._run(call, handler), name=f"pyai-tool-{call.name}")
            self._tasks[call.call_id] = task

    def stop(self, call_id: str) -> None:
        """Stop working for a call that needs no answer any more."""
        if task := self._tasks.pop(call_id, None):
            task.cancel()

    async def aclose(self) -> None:
        """Stop all work, within about a second."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)

    async def _run(self, call: ToolCalled, handler: ToolHandler) -> None:
        try:
            result = await handler(call.arguments)
        except Exception as error:  # noqa: BLE001 - the outermost line of the task: the agent is told
            _logger.warning("Tool %s failed: %s", call.name, type(error).__name__)
            self._fail(call.call_id, f"the tool failed ({type(error).__name__})")
        else:
            self._answer(call.call_id, result)
        finally:
            self._tasks.pop(call.call_id, None)
