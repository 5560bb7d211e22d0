"""The local server's Omni with its engines and the demo's brain, a process of its own that notes what happens when.

    python -m benchmarks.omni.agent

The clock is the machine's monotonic one, which the callers' process reads as well.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from pathlib import Path

from demo.child import child
from pyai_voice.server.brain import Brain, Prompt, Thought
from pyai_voice.server.brain.choose import choose_brain
from pyai_voice.server.engines import Synthesizer
from pyai_voice.server.engines.load import load_engines
from pyai_voice.server.omni.fact_queue import FactQueue
from pyai_voice.server.omni.facts import CallerSaid, Fact
from pyai_voice.server.serving import running

from ..children import say_hello
from ..official import ROOT

__all__: list[str] = []

_LOG = ROOT / "build" / "benchmarks" / "omni-brain.log"
_READY = 30.0

Notes = dict[str, list[float]]
"""What happened -> when, oldest first."""


class NotedBrain:
    """A brain, and when each of its answers had its first word."""

    def __init__(self, brain: Brain, notes: list[float]) -> None:
        self.name = brain.name
        self.aclose = brain.aclose
        self._brain = brain
        self._notes = notes

    async def think(self, prompt: Prompt) -> AsyncGenerator[Thought]:
        """Think."""
        first = True
        async for thought in self._brain.think(prompt):
            if first:
                self._notes.append(time.monotonic())
            first = False
            yield thought


class NotedSynthesizer:
    """A voice, and when each of its sentences had its first sound."""

    def __init__(self, voice: Synthesizer, notes: list[float]) -> None:
        self.name, self.rate, self.voices, self.speeds = voice.name, voice.rate, voice.voices, voice.speeds
        self.find = voice.find
        self._voice = voice
        self._notes = notes

    async def stream(self, text: str, voice_id: str = "", speed: float = 1.0) -> AsyncIterator[bytes]:
        """Speak."""
        first = True
        async for pcm in self._voice.stream(text, voice_id, speed):
            if first:
                self._notes.append(time.monotonic())
            first = False
            yield pcm


class NotedFacts(FactQueue):
    """The facts of a conversation, and when the caller's turn was found to be over."""

    notes: list[float] = []

    def put(self, fact: Fact) -> None:
        """Note it."""
        if isinstance(fact, CallerSaid):
            self.notes.append(time.monotonic())
        super().put(fact)


async def main() -> None:
    """Serve; answer each question with what was noted since the last one."""
    from pyai_voice.server.omni import conversation

    conversation.FactQueue = NotedFacts
    notes: Notes = {"decided": NotedFacts.notes, "word": [], "sound": []}
    engines = await load_engines()
    engines = replace(engines, synthesizer=NotedSynthesizer(engines.synthesizer, notes["sound"]))
    _LOG.parent.mkdir(parents=True, exist_ok=True)
    command = (sys.executable, "-m", "demo.brain")
    async with child("The brain", *command, log=Path(_LOG), ready=_READY) as variables:
        brain = NotedBrain(choose_brain(variables), notes["word"])
        async with running(engines, brain=brain) as server:
            questions = say_hello(base_url=server.base_url, api_key=server.api_key)
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, questions.put, "")  # ends the brain as well
            while await asyncio.to_thread(questions.get):
                print(json.dumps(notes), flush=True)
                for times in notes.values():
                    times.clear()


if __name__ == "__main__":
    asyncio.run(main())
