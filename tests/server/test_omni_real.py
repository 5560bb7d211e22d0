"""Omni with the real engines: it understands, answers from knowledge, falls silent in time, ignores noise."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from pyai_voice.audio import resample
from pyai_voice.omni_events import CallerTranscript, KnowledgeQueried, ReplyAudio, ReplyEnded, ToolCalled
from pyai_voice.omni_options import OmniOptions, Tool
from pyai_voice.server.brain.offline import OfflineBrain
from pyai_voice.server.brain.scripted import ScriptedBrain
from pyai_voice.server.engines.load import Engines
from pyai_voice.server.omni.conversation import Conversation
from pyai_voice.server.omni.facts import AgentAudio, CallerSaid, Fact, Interrupted, TurnBegan
from pyai_voice.words import same_words
from tests.server.omni_calls import Caller, omni_server

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

RATE = 16000
SLOT = 640
PRICES = b"# Prices\n\nA cleaning of the teeth costs eighty dollars.\n\n# Sundays\n\nWe are closed on Sundays.\n"
LONG = "There is a lot to say about that, and I will tell you all of it, from the beginning to the very end."


async def spoken(engines: Engines, text: str, voice: str = "stock_rowan_en_us") -> bytes:
    """Return a caller's sentence."""
    pcm = b"".join([chunk async for chunk in engines.synthesizer.stream(text, voice)])
    return resample(pcm, engines.synthesizer.rate, RATE)


def from_the_first_sound(pcm: bytes) -> bytes:
    samples = np.frombuffer(pcm, np.int16)
    return samples[np.flatnonzero(np.abs(samples.astype(np.int32)) > 500)[0] :].tobytes()


def to_the_last_sound(pcm: bytes) -> bytes:
    samples = np.frombuffer(pcm, np.int16)
    return samples[: np.flatnonzero(np.abs(samples.astype(np.int32)) > 500)[-1]].tobytes()


async def ask(caller: Caller, engines: Engines, text: str) -> str:
    """Ask something; return the whole reply."""
    caller.stream.send_audio(await spoken(engines, text))
    return (await caller.until(ReplyEnded, lambda each: each.text)).text  # a turn that only calls a tool says nothing


async def test_it_understands_answers_from_knowledge_and_calls_a_tool(engines: Engines) -> None:
    async def look(arguments: dict[str, object]) -> object:
        return {"status": "shipped"}

    schema = {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]}
    tool = Tool(name="lookup_order", description="Find an order by its number.", parameters=schema)
    persona = "You are Mia, the receptionist of a clinic."
    async with omni_server(brain=OfflineBrain(), engines=engines) as omni:
        state = omni.server.app.state
        base = await state.knowledge.create("org_local", "Prices")
        await state.knowledge.add("org_local", base.id, "prices.md", PRICES, "text/markdown")
        await state.knowledge.settled()
        async with omni.call({"lookup_order": look}, persona=persona, greeting="Hello!", tools=(tool,)) as caller:
            assert (await caller.until(ReplyEnded)).text == "Hello!"
            assert await ask(caller, engines, "What is your name?") == "I am Mia, the receptionist of a clinic."
            assert await ask(caller, engines, "What does a cleaning cost?") == (
                "A cleaning of the teeth costs eighty dollars."
            )
            assert caller.all(KnowledgeQueried)[-1].found
            assert await ask(caller, engines, "Where is order number forty two?") == "Status: shipped."
            assert caller.all(ToolCalled)[0].arguments == {"order_id": "42"}
            finals = [each.text for each in caller.all(CallerTranscript) if each.final]
            assert same_words(finals[0], "What is your name?")
            assert sum(len(each.pcm) for each in caller.all(ReplyAudio)) > 48000 * 4


class Talk:
    """A conversation whose agent speaks, fed in the audio's own time: what it does depends on no machine's speed."""

    def __init__(self, engines: Engines) -> None:
        self.brain = ScriptedBrain([LONG, "Yes?", "Go on.", "Please."])
        self.conversation = Conversation(engines, self.brain, OmniOptions(), caller_rate=RATE, output_rate=24000)
        self.facts: list[Fact] = []
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for fact in self.conversation:
            self.facts.append(fact)
            self._changed.set()

    async def until(self, condition: Callable[[Fact], bool]) -> None:
        async with asyncio.timeout(20):
            while not any(map(condition, self.facts)):
                self._changed.clear()
                await self._changed.wait()

    async def begin(self) -> None:
        """Have the agent speak."""
        self.conversation.respond()
        await self.until(lambda fact: isinstance(fact, AgentAudio))

    async def feed(self, pcm: bytes) -> float | None:
        """Play sound; return after how many seconds of it the agent stopped, None where it did not."""
        stopped = None
        for start in range(0, len(pcm), SLOT):
            await self.conversation.feed(pcm[start : start + SLOT])
            await asyncio.sleep(0)
            if stopped is None and any(isinstance(each, Interrupted) for each in self.facts):
                stopped = (start + SLOT) / 2 / RATE
        return stopped

    async def aclose(self) -> None:
        await self.conversation.aclose()
        await self._task


@pytest.mark.parametrize(
    ("text", "voice"),
    [
        ("Stop, please.", "stock_rowan_en_us"),
        ("Wait, I have another question.", "stock_heart_en_us"),
        ("No, that is not it.", "stock_robin_en_us"),
        ("Excuse me.", "stock_oak_en_us"),
    ],
)
async def test_it_falls_silent_within_a_fifth_of_a_second_of_the_callers_voice(
    engines: Engines, text: str, voice: str
) -> None:
    talk = Talk(engines)
    await talk.begin()
    assert await talk.feed(bytes(SLOT * 25)) is None
    stopped = await talk.feed(from_the_first_sound(await spoken(engines, text, voice)))
    assert stopped is not None and stopped <= 0.2
    await talk.aclose()


@pytest.mark.parametrize(
    ("first", "second", "voice"),
    [
        ("Wait.", "I have another question.", "stock_rowan_en_us"),
        ("Hello.", "My name is Oliver Bennett.", "stock_robin_en_us"),
        ("One coffee, please.", "And a large cup of tea.", "stock_rowan_en_us"),
    ],
)
async def test_a_caller_who_hesitates_and_goes_on_is_not_talked_over(
    engines: Engines, first: str, second: str, voice: str
) -> None:
    talk = Talk(engines)
    said, more = await spoken(engines, first, voice), await spoken(engines, second, voice)
    await talk.feed(bytes(SLOT * 25) + to_the_last_sound(said) + bytes(SLOT * 35))
    await talk.feed(from_the_first_sound(more) + bytes(SLOT * 100))
    await talk.until(lambda fact: isinstance(fact, CallerSaid) and same_words(fact.text, second))
    await talk.until(lambda fact: isinstance(fact, TurnBegan))
    words = [fact.text for fact in talk.facts if isinstance(fact, CallerSaid)]
    assert len(words) == 2 and same_words(words[0], first)
    assert [message.text for message in talk.brain.prompts[-1].messages] == words
    assert not any(isinstance(fact, Interrupted) for fact in talk.facts)
    assert sum(isinstance(fact, TurnBegan) for fact in talk.facts) == 1
    await talk.aclose()


async def test_noises_that_are_no_voice_do_not_stop_it(engines: Engines) -> None:
    random = np.random.default_rng(7)
    decay = np.exp(-np.arange(RATE // 10) / 200)
    knock = np.concatenate([random.normal(0, 12000, RATE // 10) * decay, np.zeros(RATE // 5)])
    hiss = random.normal(0, 600, RATE)
    hum = 3000 * np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE)
    beep = np.concatenate([8000 * np.sin(2 * np.pi * 440 * np.arange(RATE // 8) / RATE), np.zeros(RATE // 4)])
    for noise in (np.tile(knock, 5), hiss, hum, np.tile(beep, 3)):
        talk = Talk(engines)
        await talk.begin()
        assert await talk.feed(bytes(SLOT * 10)) is None
        assert await talk.feed(np.clip(noise, -32768, 32767).astype(np.int16).tobytes()) is None
        await talk.aclose()


async def test_a_sign_of_listening_lets_it_go_on(engines: Engines) -> None:
    talk = Talk(engines)
    await talk.begin()
    await talk.feed(await spoken(engines, "Okay."))
    await talk.conversation.feed(bytes(2 * RATE * 2))
    await talk.until(lambda fact: isinstance(fact, TurnBegan) and fact.trigger == "resume")
    assert len(talk.brain.prompts) == 1
    await talk.aclose()
