"""The passages of a turn reach the model in that turn only, cost no second call, and stay out of the history."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from livekit.agents import NOT_GIVEN, Agent, APIConnectOptions, ModelSettings, function_tool, llm
from livekit.agents.stt import FallbackAdapter
from livekit.plugins import pyai

from pyai_voice.errors import ConfigurationError
from pyai_voice.events import Grounding, Passage
from tests.core.scripted import Peer, Server, scripted, stay

from .headless import Call, Echo, call
from .helpers import FINAL, PREFLIGHT, SECOND, hear, is_end, push, until

HOURS = {"content": "We open at nine.", "score": 0.9}
SUNDAY = {"content": "On Sunday we open at ten.", "score": 0.95}
BARE = pyai.GroundingStyle(template="KB: {passages}", role="system")


async def say(peer: Peer, seconds: float, text: str, found: list | None, late: list | None = None) -> None:
    """Wait for so much audio, then end the utterance; ``late``: what only the final has found."""
    await peer.hear_audio(round(seconds * SECOND))
    ending = {"text": text, "utterance_id": text, "t_ms": round(seconds * 1000), "endpoint_reason": "endpoint"}
    await peer.say(type="partial", text=text, utterance_id=text, t_ms=ending["t_ms"])
    await peer.say(type="speech_final", **ending, **({} if found is None else {"grounding": found}))
    late = found if late is None else late
    await peer.say(type="final", **ending, **({} if late is None else {"grounding": late}))


def with_wrapper(stt: pyai.STT, brain: Echo, style: pyai.GroundingStyle = BARE) -> dict:
    return {"stt": stt, "llm": pyai.GroundedLLM(brain, stt, style=style)}


def with_mixin(stt: pyai.STT, brain: Echo, style: pyai.GroundingStyle = BARE) -> dict:
    class Grounded(pyai.GroundingMixin, Agent):
        grounding_style = style

    return {"stt": stt, "llm": brain, "agent": Grounded(instructions="Echo.")}


WAYS = pytest.mark.parametrize("way", [with_wrapper, with_mixin])
Way = Callable[..., dict]


def grounded(server: Server, **options: object) -> pyai.STT:
    return hear(server, grounding=True, **options)


def history(running: Call) -> str:
    return json.dumps(running.session.history.to_dict(exclude_metrics=True))


@WAYS
async def test_the_reply_prepared_with_the_passages_is_the_one_that_is_spoken(way: Way):
    brain = Echo()

    async def waits_for_the_brain(peer: Peer) -> None:
        await peer.hear_audio(SECOND)
        ending = {"text": "When?", "utterance_id": "u", "t_ms": 1000, "grounding": [HOURS]}
        await peer.say(type="speech_final", **ending)
        assert await brain.asked.get() == "When?"
        await peer.say(type="final", **ending)
        await stay(peer)

    async with scripted(waits_for_the_brain) as server, grounded(server) as stt:
        told: list[Grounding] = []
        stt.on("grounding", told.append)
        async with call(**way(stt, brain), turn_handling=pyai.turn_handling(stt)) as running:
            running.microphone.speak(1.0)
            assert (await running.reply()).text_content == "You said: When? Anything else?"
            assert server.peers[0].texts[0] == {"type": "config", "grounding": True}
            assert [role for role, _ in brain.chats[0]] == ["system", "system", "user"]
            assert brain.chats[0][1] == ("system", "KB: [1] We open at nine.")
            assert len(brain.chats) == 1, "a second call was made"
            assert "nine" not in history(running)
        assert [event.passages for event in told] == [(Passage(HOURS["content"], 0.9),)]


@WAYS
async def test_other_passages_in_the_final_ask_the_model_again(way: Way):
    brain = Echo()

    async def finds_better_ones(peer: Peer) -> None:
        await say(peer, 1.0, "On Sunday?", [HOURS], [SUNDAY])
        await stay(peer)

    async with scripted(finds_better_ones) as server, grounded(server) as stt:
        async with call(**way(stt, brain), turn_handling=pyai.turn_handling(stt)) as running:
            running.microphone.speak(1.0)
            await running.reply()
            assert "ten" in brain.chats[-1][1][1] and "nine" not in brain.chats[-1][1][1]
            assert "Sunday we" not in history(running)


@WAYS
@pytest.mark.parametrize("nothing", [None, []], ids=["absent", "empty"])
async def test_passages_do_not_reach_the_next_turn(way: Way, nothing: list | None):
    brain = Echo()

    async def two_turns(peer: Peer) -> None:
        await say(peer, 1.0, "When?", [HOURS])
        await say(peer, 2.0, "Thank you.", nothing)
        await stay(peer)

    async with scripted(two_turns) as server, grounded(server) as stt:
        async with call(**way(stt, brain), turn_handling=pyai.turn_handling(stt)) as running:
            running.microphone.speak(1.0)
            await running.reply()
            await running.session.generate_reply(user_input="By the way, it rains.")
            running.microphone.speak(1.0)
            await running.reply()
            await running.reply()
            first, typed, second = ("nine" in str(chat) for chat in brain.chats)
            assert (first, typed, second) == (True, False, False)


@WAYS
async def test_what_follows_a_tool_has_the_passages_whatever_the_caller_mumbles(way: Way):
    brain, mumbled = Echo(tool="look_up"), asyncio.Event()

    async def mumbles(peer: Peer) -> None:
        await say(peer, 1.0, "When?", [HOURS])
        await peer.hear_audio(2 * SECOND)
        await peer.say(type="partial", text="mhm", utterance_id="m", t_ms=1900)
        await mumbled.wait()
        await peer.say(type="final", text="", utterance_id="m", t_ms=2000, endpoint_reason="endpoint")
        await stay(peer)

    @function_tool
    async def look_up() -> str:
        """Look it up."""
        running.microphone.speak(1.0)
        await mumbled.wait()
        return "done"

    def heard(event) -> None:
        if event.transcript == "mhm":
            mumbled.set()

    async with scripted(mumbles) as server, grounded(server) as stt:
        options = way(stt, brain)
        turns = pyai.turn_handling(stt, interruption={"min_words": 5})
        async with call(**options, tools=[look_up], turn_handling=turns) as running, asyncio.timeout(20):
            running.session.on("user_input_transcribed", heard)
            running.microphone.speak(1.0)
            assert (await running.reply()).text_content == "You said: When? Anything else?"
            assert ["nine" in str(chat) for chat in brain.chats] == [True, True]


async def test_a_turn_of_two_utterances_has_the_passages_of_both():
    brain = Echo()

    async def goes_on(peer: Peer) -> None:
        await say(peer, 1.0, "When do you open", [HOURS])
        await say(peer, 2.0, "on Sunday?", [SUNDAY])
        await stay(peer)

    async with scripted(goes_on) as server, grounded(server, turns="client") as stt:
        async with call(**with_wrapper(stt, brain), turn_handling=pyai.turn_handling(stt)) as running:
            running.microphone.speak(2.0)
            finals: asyncio.Queue[str] = asyncio.Queue()
            running.session.on("user_input_transcribed", lambda e: e.is_final and finals.put_nowait(e.transcript))
            async with asyncio.timeout(15):
                assert [await finals.get(), await finals.get()] == ["When do you open", "on Sunday?"]
                await running.session.commit_user_turn()
                await running.reply()
            assert brain.chats[-1][1] == ("system", "KB: [1] On Sunday we open at ten.\n\n[2] We open at nine.")


async def test_a_knowledge_base_that_has_nothing_can_be_said_so():
    brain, style = Echo(), pyai.GroundingStyle(on_empty="instruct", nothing_found="Say that you do not know.")

    async def finds_nothing(peer: Peer) -> None:
        await say(peer, 1.0, "When?", [])
        await stay(peer)

    async with scripted(finds_nothing) as server, grounded(server) as stt:
        async with call(**with_wrapper(stt, brain, style), turn_handling=pyai.turn_handling(stt)) as running:
            running.microphone.speak(1.0)
            await running.reply()
            assert brain.chats[-1][1] == ("developer", "Say that you do not know.")


async def test_a_reply_names_the_passages_that_its_model_was_told():
    async def two_turns(peer: Peer) -> None:
        await say(peer, 1.0, "When?", [HOURS, SUNDAY])
        await say(peer, 2.0, "Thank you.", [])
        await stay(peer)

    async with scripted(two_turns) as server, grounded(server) as stt:
        async with call(**with_wrapper(stt, Echo()), turn_handling=pyai.turn_handling(stt)) as running:
            pyai.cite(running.session, stt, style=BARE)
            running.microphone.speak(1.0)
            reply = await running.reply()
            assert reply.extra["citations"] == [{"number": 1, **SUNDAY}, {"number": 2, **HOURS}]
            running.microphone.speak(1.0)
            assert "citations" not in (await running.reply()).extra


async def test_transcripts_carry_the_passages_and_the_store_has_those_of_the_last_utterance():
    async def two_turns(peer: Peer) -> None:
        await say(peer, 1.0, "When?", [HOURS])
        await peer.hear_audio(2 * SECOND)
        await peer.say(type="partial", text="thank", utterance_id="t", t_ms=1900)
        await stay(peer)

    async with scripted(two_turns) as server, grounded(server) as stt, stt.stream() as stream:
        assert stt.grounding is None
        push(stream, 1.0)
        events = await until(stream, is_end)
        told = [event.alternatives[0].metadata for event in events if event.type in (PREFLIGHT, FINAL)]
        assert told == [{"turn_authority": "cue", "grounding": [HOURS]}] * 2
        assert stt.grounding == stt.passages_of("Well, when?") == (Passage(HOURS["content"], 0.9),)
        push(stream, 1.0)
        await until(stream, lambda event: bool(event.alternatives) and event.alternatives[0].text == "thank")
        assert stt.grounding is None and stt.passages_of("When?") is not None


class Wrapped(Echo):
    """A model with a name, that keeps its arguments."""

    model, provider = "gpt", "openai"  # type: ignore[assignment]
    arguments: dict
    warmed = closed = False

    def chat(self, *, chat_ctx: llm.ChatContext, **arguments) -> llm.LLMStream:
        self.arguments = arguments
        return super().chat(chat_ctx=chat_ctx, **arguments)

    def prewarm(self, *, loop=None) -> None:
        self.warmed = True

    async def aclose(self) -> None:
        self.closed = True


async def test_the_wrapper_is_its_model_in_everything_else():
    inner = Wrapped()
    stt = pyai.STT(api_key="pyai_test", base_url="http://127.0.0.1:9")
    wrapper = pyai.GroundedLLM(inner, stt)
    heard: list[tuple[str, object]] = []
    for name in ("metrics_collected", "error"):
        wrapper.on(name, lambda event, name=name: heard.append((name, event)))
        inner.emit(name, name.upper())
    assert heard == [("metrics_collected", "METRICS_COLLECTED"), ("error", "ERROR")]
    assert (wrapper.model, wrapper.provider, wrapper.label) == ("gpt", "openai", inner.label)
    assert wrapper.metrics_metadata == {"model_name": "gpt", "model_provider": "openai"}
    wrapper.prewarm()
    assert inner.warmed
    arguments = {"tools": [], "conn_options": APIConnectOptions(max_retry=7), "tool_choice": "none"}
    arguments |= {"parallel_tool_calls": NOT_GIVEN, "extra_kwargs": {"seed": 1}}
    chat = llm.ChatContext.empty()
    chat.add_message(role="user", content="Hello.")
    async with wrapper.chat(chat_ctx=chat, **arguments) as stream:
        assert (
            "".join([chunk.delta.content async for chunk in stream if chunk.delta]) == "You said: Hello. Anything else?"
        )
    assert inner.arguments == arguments
    await wrapper.aclose()
    inner.emit("error", "later")
    assert inner.closed and len(heard) == 2 + 1  # the call's own metrics
    await stt.aclose()


async def test_the_chat_that_livekit_compares_stays_as_it_is():
    async def finds(peer: Peer) -> None:
        await say(peer, 1.0, "When?", [HOURS])
        await stay(peer)

    async with scripted(finds) as server, grounded(server) as stt, stt.stream() as stream:
        push(stream, 1.0)
        await until(stream, is_end)
        brain, chat = Echo(), llm.ChatContext.empty()
        chat.add_message(role="user", content="When?")
        async with pyai.GroundedLLM(brain, stt).chat(chat_ctx=chat):
            assert len(brain.chats[0]) == 2 and len(chat.items) == 1


async def test_an_agent_that_hears_through_an_adapter_is_told_where_the_passages_come_from():
    async with pyai.STT(api_key="pyai_test", base_url="http://127.0.0.1:9") as stt:
        agent = pyai.GroundingMixin(instructions="", stt=FallbackAdapter([stt]))
        with pytest.raises(ConfigurationError, match="grounding_stt"):
            agent.llm_node(llm.ChatContext.empty(), [], ModelSettings())
        agent.grounding_stt = stt
        assert agent.llm_node(llm.ChatContext.empty(), [], ModelSettings()) is not None
