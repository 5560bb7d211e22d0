"""What the context holds of an Omni call, and in which order: every script that a Pipecat bot has to get right."""

from __future__ import annotations

import asyncio

from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.services.llm_service import FunctionCallParams

from tests.core.omni_service import Peer
from tests.pipecat.omni import hears, omni_bot, tone


async def lookup_order(params: FunctionCallParams, order_id: str) -> None:
    """Find an order.

    Args:
        order_id: Its number.
    """
    await params.result_callback({"status": "shipped", "order": order_id})


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_a_conversation_with_a_tool_and_an_interruption() -> None:
    async def converse(peer: Peer) -> None:
        await peer.configured()
        machine = peer.machine
        machine.audio(tone(1, 0.5))
        machine.agent_said("Hello there.")
        await hears(peer, 1.2)
        for delta in ("Where is", " my", " order?"):
            machine.caller_said(delta)
            await hears(peer, 0.1)
        machine.turn_begin(0.3)
        machine.tool_call("lookup_order", {"order_id": "9"}, now())
        await peer.until(lambda: peer.kinds("tool_result"))
        machine.audio(tone(2, 0.5))
        machine.agent_said("It was shipped.")
        await hears(peer, 1.2)
        machine.caller_said("Tell me a story")
        machine.turn_begin(0.3)
        machine.audio(tone(3, 0.5))
        machine.agent_said("Once upon")
        machine.audio(tone(3, 5.0))
        machine.agent_said("a time there was a very long story.")
        await hears(peer, 1.0)
        machine.interrupt("energy", "Once upon")
        machine.audio(tone(4, 1.0))  # stale: the machine itself would drop it
        machine.caller_said("stop")
        await hears(peer, 0.2)
        machine.turn_begin(0.3)
        machine.audio(tone(5, 0.5))
        machine.agent_said("As you like.")
        await peer.stay()

    async with omni_bot(converse, context=LLMContext(tools=[lookup_order])) as bot:
        await bot.wrote(
            "assistant: Hello there.",
            "user: Where is my order?",
            'call: lookup_order {"order_id": "9"}',
            'tool: {"status": "shipped", "order": "9"}',
            "assistant: It was shipped.",
            "user: Tell me a story",
            "assistant: Once upon",
            "user: stop",
            "assistant: As you like.",
        )
        peer = await bot.peer()
        assert [each["result"] for each in peer.kinds("tool_result")] == [{"status": "shipped", "order": "9"}]
        assert bot.loudspeaker.samples(4) == 0
        assert 0.5 < bot.loudspeaker.samples(3) / 24000 < 2.0
        assert not bot.pipeline.errors
