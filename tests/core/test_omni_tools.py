"""What a tool's function may do: its call is answered once, or stopped; nothing of it is left."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pyai_voice.omni_events import ToolCalled
from pyai_voice.omni_tools import ToolRunner


class Desk:
    """Takes the answers."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, object]] = []
        self.errors: list[tuple[str, str]] = []
        self.running = asyncio.Event()
        self.stopped = asyncio.Event()
        self.tools = ToolRunner(
            {"quick": self.quick, "endless": self.endless, "broken": self.broken},
            lambda call_id, result: self.answers.append((call_id, result)),
            lambda call_id, error: self.errors.append((call_id, error)),
        )

    def call(self, name: str) -> None:
        self.tools.start(ToolCalled("tc_1", name, {"order": 9}, 4.5))

    async def quick(self, arguments: dict[str, Any]) -> object:
        return arguments["order"]

    async def endless(self, _: dict[str, Any]) -> object:
        self.running.set()
        try:
            return await asyncio.Event().wait()
        finally:
            self.stopped.set()

    async def broken(self, _: dict[str, Any]) -> object:
        raise ValueError("sk-secret")


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_result_is_the_answer() -> None:
    desk = Desk()
    desk.call("quick")
    await settled()
    assert desk.answers == [("tc_1", 9)]
    desk.tools.stop("tc_1")  # over already
    assert not desk.errors


async def test_of_what_a_function_raises_the_agent_is_told_the_kind() -> None:
    desk = Desk()
    desk.call("broken")
    await settled()
    assert desk.errors == [("tc_1", "the tool failed (ValueError)")]


async def test_a_tool_without_a_function_is_left_to_others() -> None:
    desk = Desk()
    desk.call("unknown")
    await settled()
    assert not desk.answers
    assert not desk.errors


@pytest.mark.parametrize("how", ["stop", "close"])
async def test_work_that_nobody_waits_for_is_stopped_and_answers_nothing(how: str) -> None:
    desk = Desk()
    desk.call("endless")
    await desk.running.wait()
    if how == "stop":
        desk.tools.stop("tc_1")
    else:
        await desk.tools.aclose()
    async with asyncio.timeout(5):
        await desk.stopped.wait()
    await desk.tools.aclose()
    assert not desk.answers
    assert not desk.errors
