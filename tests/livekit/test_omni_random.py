"""Random calls through whole AgentSessions, side by side: nothing stays open, unanswered or wrongly heard."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

from livekit.agents import Agent, function_tool

from pyai_voice.protocol.omni.server import ToolAnswered
from tests.core.omni_service import Peer

from .headless import Call
from .omni import SlowSpeaker, conversation, hears, told, tone, wait_for

CALLS = 24


class Clerk(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Help.")

    @function_tool
    async def wait(self, seconds: float) -> str:
        """Wait, then answer."""
        await asyncio.sleep(seconds)
        return f"waited {seconds}"


@dataclass
class Script:
    """Says and does at random what a service may; every turn has a sample value of its own."""

    chance: random.Random
    turn: int = 0
    flushed: list[int] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, peer: Peer) -> None:
        await peer.configured()
        for _ in range(12):
            self._act(peer, self.chance.choice(("turn", "turn", "sound", "words", "caller", "flush", "tool")))
            await peer.flush()
            if self.chance.random() < 0.7:
                await hears(peer, self.chance.choice((0.02, 0.1, 0.3)))
        await peer.until(lambda: len(answers(peer)) == len(self.calls))
        peer.machine.caller_said("Goodbye.")
        self._act(peer, "turn")
        await peer.flush()
        self.done.set()
        await peer.stay()

    def _act(self, peer: Peer, name: str) -> None:
        machine = peer.machine
        match name:
            case "turn":
                self.turn = machine.turn_begin()
                self.said.append(f"Turn {self.turn} begins.")
                machine.agent_said(self.said[-1])
                machine.audio(tone(0.2, sample=bytes((self.turn, 0))))
            case "sound" if self.turn:
                machine.audio(tone(0.3, sample=bytes((self.turn, 0))))
            case "words" if self.turn:
                machine.agent_said(f"More of {self.turn}.")
            case "caller":
                machine.caller_said("some words ")
            case "flush":
                machine.interrupt("energy")
                self.flushed.append(self.turn)
            case "tool":
                seconds = self.chance.choice((0.0, 0.1, 0.5))
                now = asyncio.get_running_loop().time()
                self.calls.append(machine.tool_call("wait", {"seconds": seconds}, now))
            case _:
                pass


def answers(peer: Peer) -> list[ToolAnswered]:
    return [each for each in peer.calls if isinstance(each, ToolAnswered)]


async def one_call(seed: int) -> None:
    script = Script(random.Random(seed))
    async with conversation(script, Clerk(), slow=True) as (running, service, _):
        async with asyncio.timeout(40):
            await script.done.wait()
            last = f"Turn {script.turn} begins."
            await wait_for(lambda: ("assistant", last) in told(running.session.history), within=30)
        check(running, service.peers[0], script)


def check(running: Call, peer: Peer, script: Script) -> None:
    assert sorted(each.call_id for each in answers(peer)) == sorted(script.calls)
    assert len(peer.kinds("tool_result")) == len(script.calls)
    assert all(each.result or each.error for each in answers(peer))
    assert isinstance(running.output, SlowSpeaker)
    heard = running.output.pcm[::2]
    turns = [heard[at] for at in range(0, len(heard), 240)]
    assert turns == sorted(turns), "a turn was heard after a newer one"
    history = told(running.session.history)
    assert len([text for role, text in history if role == "user" and text.endswith("Goodbye.")]) == 1
    assert running.session.user_state == "listening" and not running.closed.done()
    results = [text for role, text in history if role == "result"]
    assert len(results) <= len(script.calls)  # a tool whose speech was interrupted before it could start is not run


async def test_random_calls_side_by_side():
    errors: list[Any] = await asyncio.gather(*(one_call(seed) for seed in range(CALLS)), return_exceptions=True)
    failed = {seed: error for seed, error in enumerate(errors) if error is not None}
    assert not failed
