"""Omni inside a real AgentSession, without a room: greeting, words, tools, interruption, and what the history holds."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from livekit.agents import Agent, RunContext, function_tool

from pyai_voice.protocol.omni.server import ToolAnswered
from tests.core.omni_service import Peer

from .omni import conversation, hears, told, tone


def now() -> float:
    return asyncio.get_running_loop().time()


class Shop(Agent):
    """Has one tool, which reads the session's userdata."""

    def __init__(self) -> None:
        super().__init__(instructions="You sell tea.")
        self.asked: list[str] = []

    @function_tool
    async def lookup_order(self, context: RunContext[Any], order_id: str) -> dict[str, str]:
        """Find an order by its number."""
        self.asked.append(order_id)
        return {"order": order_id}


async def test_a_plain_session_greets_calls_a_tool_and_remembers_what_was_said():
    answered = asyncio.Event()

    async def converse(peer: Peer) -> None:
        await peer.configured()
        peer.machine.audio(tone(0.2))
        peer.machine.agent_said("Hello, this is the tea shop.")
        await hears(peer, 0.3)
        peer.machine.caller_said("Where is")
        peer.machine.caller_said(" my order nine?")
        await hears(peer, 0.2)
        peer.machine.turn_begin(0.4)
        call = peer.machine.tool_call("lookup_order", {"order_id": "9"}, now())
        await peer.until(lambda: peer.calls)
        assert peer.calls == [ToolAnswered(call, "lookup_order", "{'order': '9'}")]
        peer.machine.audio(tone(0.2, sample=b"\x09\x00"))
        peer.machine.agent_said("It was shipped.")
        answered.set()
        await peer.stay()

    shop = Shop()
    async with conversation(converse, shop, greeting="Hello, this is the tea shop.") as (running, service, _):
        async with asyncio.timeout(20):
            assert (await running.reply()).text_content == "Hello, this is the tea shop."
            assert (await running.user()).text_content == "Where is my order nine?"
            assert (await running.reply()).text_content == "It was shipped."
        assert told(running.session.history) == [
            ("assistant", "Hello, this is the tea shop."),
            ("user", "Where is my order nine?"),
            ("call", "lookup_order"),
            ("result", "{'order': '9'}"),
            ("assistant", "It was shipped."),
        ]
        assert told(shop.chat_ctx)[1:] == told(running.session.history)[1:]
        asked = service.peers[0].kinds("configure")
        assert len(asked) == 1 and asked[0]["persona"] == "You sell tea." and shop.asked == ["9"]
        assert asked[0]["tools"] == [
            {
                "name": "lookup_order",
                "description": "Find an order by its number.",
                "parameters": asked[0]["tools"][0]["parameters"],
            }
        ]
        assert asked[0]["tools"][0]["parameters"]["required"] == ["order_id"]
        assert bytes(running.loudspeaker.pcm) == tone(0.2) + tone(0.2, sample=b"\x09\x00")
        assert len(service.peers) == 1


async def test_an_interruption_stops_the_loudspeaker_and_the_history_holds_what_was_spoken():
    flushed: list[float] = []

    async def converse(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        peer.machine.agent_said("One two three four five six seven eight nine ten eleven twelve.")
        peer.machine.audio(tone(4.0))
        await hears(peer, 1.2)
        flushed.append(time.monotonic())
        peer.machine.interrupt("energy")
        peer.machine.audio(tone(2.0, sample=b"\x0d\x00"))  # the machine of the service drops it
        await peer.flush()
        await peer.socket.send(b"\x01" + tone(1.0, sample=b"\x0d\x00"))  # an older service sends it
        peer.machine.caller_said("Stop, please.")
        await hears(peer, 0.2)
        peer.machine.turn_begin()
        peer.machine.agent_said("Yes?")
        peer.machine.audio(tone(0.2, sample=b"\x09\x00"))
        await peer.stay()

    cancelled: list[bool] = []
    async with conversation(converse, slow=True) as (running, _, _):
        running.session.on(
            "metrics_collected", lambda event: event.metrics.request_id and cancelled.append(event.metrics.cancelled)
        )
        async with asyncio.timeout(20):
            first = await running.reply()
            stopped = running.output.cleared_at - flushed[0]
            assert (await running.user()).text_content == "Stop, please."
            assert (await running.reply()).text_content == "Yes?"
        assert stopped < 0.25
        assert first.interrupted and cancelled == [True, False]
        spoken = first.text_content or ""
        assert "One two three four five six seven eight nine ten eleven twelve.".startswith(spoken)
        assert 1 <= len(spoken.split()) <= 6
        assert b"\x0d" not in running.output.pcm
        assert [role for role, _ in told(running.session.history)] == ["assistant", "user", "assistant"]


async def test_what_the_caller_said_stands_before_the_answer_that_came_with_it():
    """LiveKit is told of the words a moment after the answer has begun; they have the place of their beginning."""

    async def converse(peer: Peer) -> None:
        await peer.configured()
        await hears(peer, 0.2)
        peer.machine.caller_said("What time is it?")
        peer.machine.turn_begin()
        peer.machine.agent_said("It is nine.")
        peer.machine.audio(tone(0.1))
        await peer.stay()

    async with conversation(converse) as (running, _, _):
        async with asyncio.timeout(20):
            said, answer = await running.user(), await running.reply()
        assert said.created_at < answer.created_at
        assert told(running.session.history) == [("user", "What time is it?"), ("assistant", "It is nine.")]


async def test_an_answer_that_comes_at_once_is_a_message_of_its_own_with_all_its_sound():
    async def converse(peer: Peer) -> None:
        await peer.configured()
        peer.machine.audio(tone(0.1))
        peer.machine.agent_said("Hello.")
        await hears(peer, 0.6)
        peer.machine.turn_begin()
        peer.machine.tool_call("lookup_order", {"order_id": "9"}, now())
        await peer.until(lambda: peer.calls)
        peer.machine.turn_begin()
        peer.machine.agent_said("It was shipped on Monday.")
        for _ in range(8):
            peer.machine.audio(tone(0.1, sample=b"\x09\x00"))
            await hears(peer, 0.1)
        await peer.stay()

    async with conversation(converse, Shop(), greeting="Hello.", slow=True) as (running, service, _):
        async with asyncio.timeout(20):
            assert (await running.reply()).text_content == "Hello."
            assert (await running.reply()).text_content == "It was shipped on Monday."
        assert bytes(running.output.pcm) == tone(0.1) + tone(0.8, sample=b"\x09\x00")
        assert len(service.peers[0].kinds("configure")) == 1
