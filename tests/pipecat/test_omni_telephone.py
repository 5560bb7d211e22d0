"""An Omni call in a Pipecat pipeline: touch tones, call control, and how it ends."""

from __future__ import annotations

import asyncio

import pytest
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import InputDTMFFrame, InterruptionFrame, LLMRunFrame

from tests.core.omni_service import Peer, stay
from tests.pipecat.omni import configured, omni_bot, seen, tone
from tests.pipecat.pipeline import PATIENCE, Happenings


async def test_keys_that_are_pressed_before_the_call_begins_wait_for_it() -> None:
    async with omni_bot(stay, run=False) as bot:
        await bot.pipeline.send(*(InputDTMFFrame(KeypadEntry.ONE) for _ in range(3)))
        await bot.pipeline.send(*(InputDTMFFrame(KeypadEntry.TWO) for _ in range(64)), LLMRunFrame())
        peer = await bot.peer()
        await seen(peer, lambda: len(peer.kinds("dtmf")) == 64)
        assert {each["digits"] for each in peer.kinds("dtmf")} == {"2"}
        assert [each["type"] for each in peer.controls][0] == "configure"


async def test_touch_tones_go_both_ways() -> None:
    async def dial(peer: Peer) -> None:
        await peer.until(lambda: len(peer.kinds("dtmf")) == 2)
        peer.machine.call_control("send_dtmf", digits="12A#")
        await peer.stay()

    async with omni_bot(dial) as bot:
        events = Happenings(bot.omni, "on_digits")
        await configured(await bot.peer())
        await bot.pipeline.send(InputDTMFFrame(KeypadEntry.FIVE), InputDTMFFrame(KeypadEntry.STAR))
        (request,) = await events.until("on_digits")
        assert request.digits == "12A#"
        peer = await bot.peer()
        assert [each["digits"] for each in peer.kinds("dtmf")] == ["5", "*"]
        await bot.pipeline.send(InterruptionFrame())
    assert bot.loudspeaker.digits == ["1", "2", "#"]


async def test_what_the_agent_wants_of_the_telephone_are_events() -> None:
    async def control(peer: Peer) -> None:
        await peer.configured()
        peer.machine.call_control("transfer_to_human", destination="+15550100")
        peer.machine.call_control("play_hold", seconds=3)
        peer.machine.call_control("collect", field="zip", kind="dtmf")
        peer.machine.knowledge_queried(["doc_1"])
        peer.machine.idle_prompt()
        await peer.stay()

    names = (
        "on_call_started",
        "on_configured",
        "on_transfer",
        "on_hold",
        "on_collect",
        "on_knowledge",
        "on_idle_prompt",
    )
    async with omni_bot(control, run=False) as bot:
        events = Happenings(bot.omni, *names)
        await bot.pipeline.audio(0.1)
        await events.until("on_idle_prompt")
        told = {name: arguments[0] for name, arguments in events}
        assert set(told) == set(names)
        assert told["on_transfer"].destination == "+15550100"
        assert (told["on_hold"].seconds, told["on_collect"].field) == (3, "zip")
        assert (told["on_knowledge"].passages, told["on_call_started"].call_id) == (("doc_1",), "call_0")


@pytest.mark.parametrize("how", ["end_call", "session_end", "close"])
async def test_the_pipeline_ends_after_the_goodbye_was_heard(how: str) -> None:
    async def leave(peer: Peer) -> None:
        await peer.configured()
        peer.machine.audio(tone(7, 0.6))
        peer.machine.agent_said("Goodbye!")
        if how == "end_call":
            peer.machine.call_control("end_call", reason="done")
            await peer.stay()
        elif how == "session_end":
            peer.machine.end()
            await peer.flush()
        else:
            await peer.flush()

    async with omni_bot(leave) as bot:
        events = Happenings(bot.omni, "on_call_ended")
        async with asyncio.timeout(PATIENCE):
            await bot.pipeline.ended.wait()
        assert bot.loudspeaker.samples(7) == round(0.6 * 24000)
        assert bot.said == ["assistant: Goodbye!"]
        assert not bot.pipeline.errors
        assert how == "end_call" or events.names() == ["on_call_ended"]


async def test_a_pipeline_may_outlive_the_call() -> None:
    async def leave(peer: Peer) -> None:
        await peer.configured()
        peer.machine.end()
        await peer.flush()

    async with omni_bot(leave, run=False, ends_pipeline=False) as bot:
        events = Happenings(bot.omni, "on_call_ended")
        await bot.pipeline.audio(0.1)
        (ended,) = await events.until("on_call_ended")
        assert ended.reason == "service"
        await bot.pipeline.audio(0.1)
        await bot.pipeline.end()
        assert not bot.pipeline.errors and len(bot.service.dials) == 1
