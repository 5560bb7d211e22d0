"""A brain that says what a test wrote."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Any

from . import Prompt, Thought, ToolRequest

__all__ = ["ScriptedBrain", "call"]

Step = Thought | asyncio.Event | Exception
"""Something to say, a tool to ask for, an event to wait for, or a failure."""


class ScriptedBrain:
    """Answers each prompt with the next line of its script; a string may stand for a line of one step.

    Where the script has come to its end, the answer is empty.
    """

    name = "scripted"

    def __init__(self, lines: Iterable[Sequence[Step] | str] = ()) -> None:
        self._lines = deque(lines)
        self.prompts: list[Prompt] = []
        """What was asked, first to last."""
        self.cut = 0
        """How many answers were not taken to their end."""

    async def think(self, prompt: Prompt) -> AsyncGenerator[Thought]:
        """Yield the next line."""
        self.prompts.append(prompt)
        line = self._lines.popleft() if self._lines else ()
        self.cut += 1
        for step in (line,) if isinstance(line, str) else line:
            match step:
                case asyncio.Event():
                    await step.wait()
                case Exception():
                    raise step
                case _:
                    yield step
        self.cut -= 1

    async def aclose(self) -> None:
        """Nothing to let go of."""


def call(name: str, /, **arguments: Any) -> ToolRequest:
    """Return a step that asks for a tool."""
    return ToolRequest(f"call_{name}", name, arguments)
