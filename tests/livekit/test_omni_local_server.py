"""LiveKit's AgentSession and the local server's Omni: whole calls over real sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any

from livekit import rtc
from livekit.agents import Agent, function_tool

from livekit_pyai.realtime import RealtimeModel
from pyai_voice.server.brain.scripted import call as tool_call
from pyai_voice.testing import coded_speech, spoken
from tests.server.omni_calls import Omni, omni_server

from .headless import Call, call
from .omni import SlowSpeaker, told, wait_for

LONG = "This is a sentence that takes a good while to be spoken to its end. And another one comes after it."


class Shelf(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You are Mia.")

    @function_tool
    async def look(self, id: str) -> dict[str, str]:
        """Look something up."""
        return {"shelf": id}


def omni_model(omni: Omni, **settings: Any) -> RealtimeModel:
    return RealtimeModel(api_key=omni.server.api_key, base_url=omni.server.base_url, rate=16000, **settings)


async def talk(running: Call, pieces: Iterable[bytes]) -> float:
    """Speak in real time; return when the first piece was said."""
    began = time.monotonic()
    for count, piece in enumerate(pieces, 1):
        running.microphone.play(rtc.AudioFrame(piece, 16000, 1, len(piece) // 2))
        await asyncio.sleep(max(0.0, began + count * 0.02 - time.monotonic()))
    return began


def frames_of(seconds: float, first: int = 0) -> list[bytes]:
    return [coded_speech(1, number) for number in range(first, first + round(seconds * 50))]


async def test_a_whole_call_with_a_tool():
    lines: list[Sequence[Any] | str] = [["One moment. ", tool_call("look", id="7")], "It is on shelf seven."]
    async with omni_server(lines) as omni:
        model = omni_model(omni, greeting="Hello.")
        async with call(Shelf(), llm=model) as running, asyncio.timeout(30):
            assert (await running.reply()).text_content == "Hello."
            await talk(running, frames_of(0.6))
            assert (await running.user()).text_content == "0-29."
            assert (await running.reply()).text_content == "One moment."
            assert (await running.reply()).text_content == "It is on shelf seven."
            history = told(running.session.history)
            assert history[:2] == [("assistant", "Hello."), ("user", "0-29.")]
            assert sorted(history[2:4]) == [("assistant", "One moment."), ("call", "look")]  # both began at once
            assert history[4:] == [("result", "{'shelf': '7'}"), ("assistant", "It is on shelf seven.")]
            assert bytes(running.loudspeaker.pcm).startswith(spoken("Hello."))
        await model.aclose()
        (record,) = await omni.records()
        assert record["end_reason"] == "caller"


async def test_the_caller_interrupts_within_a_quarter_of_a_second_and_hears_nothing_of_the_old_reply():
    async with omni_server([LONG, "All right."]) as omni:
        model, speaker = omni_model(omni), SlowSpeaker()
        async with call(Shelf(), llm=model, output=speaker) as running, asyncio.timeout(30):
            await talk(running, frames_of(0.4))
            await speaker.playing.wait()
            await asyncio.sleep(1.0)  # the caller listens
            began = await talk(running, frames_of(0.8, first=100))
            await wait_for(lambda: speaker.done.is_set())
            stopped = speaker.cleared_at
            first = await running.reply()
            assert (await running.reply()).text_content == "All right."
        await model.aclose()
    assert stopped - began <= 0.25
    text = first.text_content or ""
    assert first.interrupted and LONG.startswith(text) and 5 < len(text) < 60
    assert bytes(speaker.pcm).endswith(spoken("All right."))
    old = bytes(speaker.pcm)[: -len(spoken("All right."))]
    assert spoken(LONG.split(". ")[0] + ".").startswith(old)
    assert [role for role, _ in told(running.session.history)] == ["user", "assistant", "user", "assistant"]


async def test_another_agent_takes_over_the_call_that_runs():
    async with omni_server(["One.", "Two."]) as omni:
        model = omni_model(omni)
        async with call(Agent(instructions="You are Ada."), llm=model) as running, asyncio.timeout(30):
            await talk(running, frames_of(0.4))
            assert (await running.reply()).text_content == "One."
            running.session.update_agent(Shelf())
            await wait_for(lambda: isinstance(running.session.current_agent, Shelf))
            await asyncio.sleep(0.3)  # the change is on its way
            await talk(running, frames_of(0.4, first=100))
            assert (await running.reply()).text_content == "Two."
        await model.aclose()
        prompts = omni.brain.prompts  # type: ignore[attr-defined]
        assert [prompt.persona for prompt in prompts] == ["You are Ada.", "You are Mia."]
        assert [[tool.name for tool in prompt.tools] for prompt in prompts] == [[], ["look"]]
        assert len(await omni.records()) == 1
