"""What the context holds of an Omni call, and in which order: every script that a Pipecat bot has to get right."""

from __future__ import annotations

import asyncio
import functools

from pipecat.processors.aggregators.llm_context import LLMContext

from tests.core.omni_service import Peer
from tests.pipecat.omni import hears, lookup_order, omni_bot, tone


def now() -> float:
    return asyncio.get_running_loop().time()


async def a_conversation_with_a_tool_and_an_interruption() -> None:
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


async def an_interruption_of_sound_that_came_at_once_leaves_what_was_heard() -> None:
    async def tell(peer: Peer) -> None:
        await peer.configured()
        peer.machine.caller_said("Tell me a story")
        peer.machine.turn_begin(0.2)
        peer.machine.agent_said("Once upon a time there was a king who had three daughters and no tea at all.")
        for _ in range(10):
            peer.machine.audio(tone(3, 0.5))
        await hears(peer, 1.0)
        peer.machine.interrupt("energy")
        peer.machine.caller_said("Shorter")
        await hears(peer, 0.3)
        peer.machine.turn_begin(0.2)
        peer.machine.agent_said("He drank coffee.")
        peer.machine.audio(tone(5, 1.0))
        await peer.stay()

    async with omni_bot(tell) as bot:
        await bot.pipeline.when(lambda: bot.said[-1:] == ["assistant: He drank coffee."])
        assert bot.said[:1] == ["user: Tell me a story"] and bot.said[2:] == [
            "user: Shorter",
            "assistant: He drank coffee.",
        ]
        assert "Once upon a time there was a king".startswith(bot.said[1].removeprefix("assistant: "))
        assert bot.said[1].startswith("assistant: Once")
        (cut,) = bot.loudspeaker.cuts
        stale = [pcm for _, pcm in bot.loudspeaker.played[cut:] if pcm.startswith(b"\x03")]
        assert len(stale) <= 1  # the chunk that Pipecat's transport had in its hands
        assert bot.loudspeaker.samples(5) == 24000


async def words_before_a_tool_call_stand_before_it() -> None:
    async def converse(peer: Peer) -> None:
        await peer.configured()
        peer.machine.caller_said("Where is my order?")
        peer.machine.turn_begin(0.2)
        peer.machine.agent_said("One moment.")
        peer.machine.audio(tone(1, 0.6))
        peer.machine.tool_call("lookup_order", {"order_id": "9"}, now())
        await peer.until(lambda: peer.kinds("tool_result"))
        peer.machine.audio(tone(2, 0.6))
        peer.machine.agent_said("It was shipped.")
        await peer.stay()

    async with omni_bot(converse, context=LLMContext(tools=[lookup_order])) as bot:
        await bot.wrote(
            "user: Where is my order?",
            "assistant: One moment.",
            'call: lookup_order {"order_id": "9"}',
            'tool: {"status": "shipped", "order": "9"}',
            "assistant: It was shipped.",
        )


async def words_that_come_after_the_agents_turn_began_are_neither_lost_nor_repeated(pause: float) -> None:
    async def converse(peer: Peer) -> None:
        await peer.configured()
        peer.machine.caller_said("A green")
        await hears(peer, 0.1)
        peer.machine.turn_begin(0.2)
        await hears(peer, pause)
        peer.machine.caller_said(" tea")
        peer.machine.audio(tone(1, 0.5))
        peer.machine.agent_said("Coming.")
        await hears(peer, 1.2)
        peer.machine.turn_begin(0.2)
        peer.machine.audio(tone(1, 0.5))
        peer.machine.agent_said("Anything else?")
        await peer.stay()

    async with omni_bot(converse) as bot:
        await bot.pipeline.when(lambda: bot.said[-1:] == ["assistant: Anything else?"])
        said = " ".join(line.removeprefix("user: ") for line in bot.said if line.startswith("user: "))
        assert said == "A green tea"


async def signs_of_listening_neither_cut_the_agent_nor_stay_open() -> None:
    async def converse(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        peer.machine.audio(tone(1, 1.5))
        peer.machine.agent_said("This takes a while to say, so listen.")
        await hears(peer, 0.5)
        peer.machine.caller_said("uh huh")
        await hears(peer, 2.2)  # midway between the end of the agent's words and the end of patience with the caller's
        peer.machine.caller_said(" go on")
        peer.machine.turn_begin(0.2)
        peer.machine.audio(tone(1, 0.5))
        peer.machine.agent_said("Well then.")
        await peer.stay()

    async with omni_bot(converse) as bot:
        await bot.wrote(
            "assistant: This takes a while to say, so listen.",
            "user: uh huh go on",
            "assistant: Well then.",
        )
        assert bot.loudspeaker.samples(1) == 2 * 24000


async def a_reply_without_sound_is_written_after_the_words_it_answers() -> None:
    async def converse(peer: Peer) -> None:
        await peer.configured()
        for question, answer in (("One?", "Yes."), ("Two?", "No.")):
            peer.machine.caller_said(question)
            peer.machine.turn_begin(0.1)
            peer.machine.agent_said(answer)
            await hears(peer, 0.8)
        await peer.stay()

    async with omni_bot(converse) as bot:
        await bot.wrote("user: One?", "assistant: Yes.", "user: Two?", "assistant: No.")


SCRIPTS = (
    a_conversation_with_a_tool_and_an_interruption,
    an_interruption_of_sound_that_came_at_once_leaves_what_was_heard,
    words_before_a_tool_call_stand_before_it,
    signs_of_listening_neither_cut_the_agent_nor_stay_open,
    a_reply_without_sound_is_written_after_the_words_it_answers,
    *(
        functools.partial(words_that_come_after_the_agents_turn_began_are_neither_lost_nor_repeated, pause)
        for pause in (0.0, 0.06, 0.3)
    ),
)


async def test_every_script_side_by_side() -> None:
    async with asyncio.TaskGroup() as calls:
        for script in SCRIPTS:
            calls.create_task(script())
