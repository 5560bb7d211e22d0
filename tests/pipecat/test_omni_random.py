"""Random conversations over real sockets and a whole pipeline: nothing stays open, nothing is unanswered, no ghosts."""

from __future__ import annotations

import asyncio
import random

import pytest
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.services.llm_service import FunctionCallParams

from tests.core.omni_service import Peer
from tests.pipecat.omni import OmniBot, hears, omni_bot, tone

BOTS = 12
SCRIPTS = 4
"""For each bot."""
ACTIONS = 14
GHOST = 9
"""The value of samples that must not be heard: they belong to a turn that was cut."""
SPEAKING = (
    (BotStartedSpeakingFrame, BotStoppedSpeakingFrame),
    (UserStartedSpeakingFrame, UserStoppedSpeakingFrame),
)
REPLYING = (
    (TTSStartedFrame, TTSStoppedFrame),
    (LLMFullResponseStartFrame, LLMFullResponseEndFrame),
)
"""Told in pairs by the service; what waits to be played is dropped by a cut, as everything is."""


async def quick(params: FunctionCallParams) -> None:
    """Answer at once."""
    await params.result_callback("yes")


async def dawdling(params: FunctionCallParams) -> None:
    """Answer after a while."""
    await asyncio.sleep(0.1)
    await params.result_callback("later")


class Service:
    """Does anything at any time; what it sends after a cut, before the next turn, is a ghost."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._cut = False
        self.calls = 0
        self.done = asyncio.Event()

    async def script(self, peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        for _ in range(SCRIPTS):
            for _ in range(ACTIONS):
                await self._act(peer)
            peer.machine.turn_begin()
            self._cut = False
            await hears(peer, 0.1)
        await peer.until(lambda: len(peer.kinds("tool_result")) >= self.calls)
        await hears(peer, 1.0)
        peer.machine.interrupt("end")
        await hears(peer, 0.5)
        self.done.set()
        await peer.stay()

    async def _act(self, peer: Peer) -> None:
        match self._dice.choice(("sound", "sound", "words", "caller", "turn", "cut", "tool", "wait", "wait")):
            case "sound":
                await self._sound(peer)
            case "words":
                peer.machine.agent_said(self._dice.choice(("Yes.", "Once upon a time.")))
            case "caller":
                peer.machine.caller_said(self._dice.choice(("tea", " coffee")))
            case "turn":
                peer.machine.turn_begin()
                self._cut = False
            case "cut":
                peer.machine.interrupt("energy")
                self._cut = True
            case "tool":
                self.calls += 1
                name = self._dice.choice(("quick", "dawdling"))
                peer.machine.tool_call(name, {}, asyncio.get_running_loop().time())
            case _:
                await hears(peer, self._dice.choice((0.02, 0.1, 0.3)))

    async def _sound(self, peer: Peer) -> None:
        await peer.flush()
        pcm = tone(GHOST if self._cut else 1, self._dice.choice((0.02, 0.2, 1.0)))
        await peer.socket.send(b"\x01" + pcm)  # past the machine, which would send nothing after a cut


async def play(seed: int) -> tuple[OmniBot, Service]:
    service = Service(seed)
    async with omni_bot(service.script, context=LLMContext(tools=[quick, dawdling])) as bot:
        async with asyncio.timeout(40):
            await service.done.wait()
        await bot.pipeline.end()
    return bot, service


@pytest.mark.slow
async def test_whatever_the_service_does_the_pipeline_is_told_in_pairs_and_plays_no_ghost() -> None:
    played = await asyncio.gather(*(play(seed) for seed in range(BOTS)))
    for seed, (bot, service) in enumerate(played):
        assert bot.loudspeaker.samples(GHOST) == 0, seed
        for pairs, frames in ((SPEAKING, bot.pipeline.down), (REPLYING, bot.output)):
            for pair in pairs:
                came = [type(frame) for frame in frames if isinstance(frame, pair)]
                assert came == list(pair) * (len(came) // 2), (seed, came)
        answered = [each["call_id"] for each in bot.service.peers[0].kinds("tool_result")]
        assert sorted(answered) == sorted({f"tc_{number}" for number in range(1, service.calls + 1)}), seed
        assert not [line for line in bot.said if "IN_PROGRESS" in line], seed
        assert not bot.pipeline.errors, seed
    assert sum(service.calls for _, service in played) > BOTS
    assert all(bot.loudspeaker.samples(1) for bot, _ in played)
