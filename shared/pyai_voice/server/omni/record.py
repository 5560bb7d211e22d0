"""Writes down what happens in a call, while it happens: who said what and when, and what tools gave.

Above: the framings. Below: the store of call records. A store in trouble never holds a call up: what it does not take
in time is lost, and the log says so.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from ...errors import PyAIError
from ...protocol.omni.tools import LARGEST_RESULT, shortened
from ...protocol.omni.wire import compact
from ..state.calls import Calls, Spoken, ToolUse
from .facts import CallControl, CallerSaid, DigitsPressed, Ended, Fact, Interrupted, ToolFinished, TurnBegan, TurnEnded

__all__ = ["Recorder"]

_log = logging.getLogger(__name__)

_MOST = 1000
"""Entries that wait for the store."""
_REASONS = {"closed": "server_restart", "engine_failed": "error"}


class Recorder:
    """The record of one call. Times are seconds since it was made."""

    def __init__(self, calls: Calls, organisation: str, call_id: str) -> None:
        self._calls = calls
        self._organisation = organisation
        self._call_id = call_id
        self._began = _now()
        self._starts: dict[str, float] = {}
        self._last: tuple[str, Spoken] | None = None
        """The latest reply: an interruption may still cut it."""
        self._reason = "caller"
        self._entries = asyncio.Queue[Spoken | ToolUse](_MOST)
        self._task: asyncio.Task[None] | None = None

    async def begin(self, **fields: Any) -> None:
        """Open the record."""
        await self._try(self._calls.begin(self._organisation, self._call_id, **fields))
        self._task = asyncio.create_task(self._write())

    async def set(self, **fields: Any) -> None:
        """Change fields that became known later."""
        await self._try(self._calls.set(self._organisation, self._call_id, **fields))

    def note(self, fact: Fact) -> None:
        """Write down what is worth it; never waits."""
        now = _now() - self._began
        match fact:
            case CallerSaid(text=text, began=began, ended=ended) if text:
                self._close_reply()
                length = max(0.0, ended - began)
                self._put(Spoken(role="caller", text=text, start=max(0.0, now - length), end=now))
            case TurnBegan():
                self._close_reply()
                self._starts = {fact.reply: now}
            case TurnEnded():
                self._open_reply(fact.reply, fact.text, fact.seconds, interrupted=False)
            case Interrupted():
                self._open_reply(fact.reply, fact.spoken, fact.seconds, interrupted=True)
            case ToolFinished():
                self._put(_tool_use(fact, now))
            case CallControl(name=name, fields=fields):
                self._put(ToolUse(name=name, arguments=_small(fields), result="done", start=now, end=now))
            case DigitsPressed(digits):
                self._put(Spoken(role="caller", text=f"[pressed {digits}]", start=now, end=now))
            case Ended(reason):
                self._reason = _REASONS.get(reason, reason)
            case _:
                pass

    def _open_reply(self, reply: str, text: str, seconds: float, *, interrupted: bool) -> None:
        start = self._starts.get(reply, _now() - self._began)
        said = Spoken(role="agent", text=text, start=start, end=start + seconds, interrupted=interrupted)
        if self._last is not None and self._last[0] != reply:
            self._close_reply()
        self._last = reply, said

    def _close_reply(self) -> None:
        last, self._last = self._last, None
        if last is not None and last[1].text:
            self._put(last[1])

    def _put(self, entry: Spoken | ToolUse) -> None:
        try:
            self._entries.put_nowait(entry)
        except asyncio.QueueFull:
            _log.warning("the store is too slow: an entry of the record of call %s is lost", self._call_id)

    async def finish(self, *, failed: bool = False) -> None:
        """Write what waits, and close the record."""
        self._close_reply()
        if self._task is None:
            return
        await self._entries.join()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        done = self._calls.finish(
            self._organisation, self._call_id, self._reason, duration=_now() - self._began, failed=failed
        )
        await self._try(done)

    async def _write(self) -> None:
        while True:
            entry = await self._entries.get()
            await self._try(self._calls.note(self._organisation, self._call_id, entry))
            self._entries.task_done()

    async def _try(self, work: Any) -> None:
        try:
            await work
        except (PyAIError, ValueError) as error:  # what cannot be written
            _log.warning("the record of call %s is not whole: %s", self._call_id, error)


def _tool_use(fact: ToolFinished, now: float) -> ToolUse:
    kept, _ = shortened(fact.result) or (None, 0)
    start = max(0.0, now - fact.seconds)
    return ToolUse(
        name=fact.name, arguments=_small(fact.arguments), result=kept, error=fact.error, start=start, end=now
    )


def _small(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments that a record may hold; none where they are too large."""
    return arguments if len(compact(arguments)) <= LARGEST_RESULT else {}


def _now() -> float:
    return asyncio.get_running_loop().time()
