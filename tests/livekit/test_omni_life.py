"""An Omni call's life in LiveKit: dialled once, changed while it runs, and what the protocol cannot say."""

from __future__ import annotations

import asyncio
import time

import pytest
from livekit.agents import Agent, llm

from livekit_pyai import TTS
from tests.core.omni_service import Peer, omni_service, stay
from tests.core.scripted import KEY
from tests.core.scripted_http import scripted as scripted_http
from tests.core.scripted_http import speaking

from .headless import call
from .helpers import frames
from .omni import SlowSpeaker, conversation, greet, hears, model, told, tone, wait_for

# One call


async def test_the_call_is_dialled_when_instructions_and_tools_are_known_and_hung_up_with_the_session():
    async with conversation(stay, Agent(instructions="Sell tea.")) as (running, service, _):
        await wait_for(lambda: service.peers and service.peers[0].kinds("configure"))
        (configure,) = service.peers[0].kinds("configure")
        assert configure["persona"] == "Sell tea." and "tools" not in configure
        began = time.monotonic()
        await running.session.aclose()
        assert time.monotonic() - began < 4.0
        await wait_for(lambda: service.peers[0].hung_up)


async def test_a_session_without_livekits_detectors_says_nothing_of_them(caplog: pytest.LogCaptureFixture):
    async with omni_service(greet) as service:
        omni = model(service, greeting="Hello.")
        async with call(llm=omni, turn_handling={"turn_detection": "realtime_llm"}) as running, asyncio.timeout(15):
            assert (await running.reply()).text_content == "Hello."
        await omni.aclose()
    assert "detector" not in caplog.text.lower() and "VAD" not in caplog.text


async def test_a_session_without_an_agent_dials_without_waiting_for_ever():
    async with omni_service(stay) as service:
        omni = model(service)
        session = omni.session()
        await wait_for(lambda: service.peers and service.peers[0].kinds("configure"))
        await session.aclose()
        await session.aclose()
        assert service.peers[0].hung_up


async def test_keys_that_are_pressed_before_the_call_is_dialled_wait_for_it():
    async with omni_service(stay) as service:
        omni = model(service)
        session = omni.session()
        with pytest.raises(ValueError, match="digits"):
            session.press("one")
        session.press("1a")
        session.press("#")
        await wait_for(lambda: service.peers and len(service.peers[0].kinds("dtmf")) == 3)
        assert [each["digits"] for each in service.peers[0].kinds("dtmf")] == ["1", "A", "#"]
        await session.aclose()
        await omni.aclose()


async def test_a_session_is_dialled_with_instructions_and_tools_though_they_come_later():
    async with omni_service(stay) as service:
        omni = model(service)
        session = omni.session()
        for _ in range(20):
            await asyncio.sleep(0)
        await session.update_instructions("Sell tea.")
        for _ in range(20):
            await asyncio.sleep(0)
        await session.update_tools([_tool()])
        await wait_for(lambda: service.peers and service.peers[0].kinds("configure"))
        await omni.aclose()
        (configure,) = service.peers[0].kinds("configure")
        assert configure["persona"] == "Sell tea." and [tool["name"] for tool in configure["tools"]] == ["look"]


async def test_a_session_that_is_closed_before_it_has_dialled_leaves_nothing():
    async with omni_service(stay) as service:
        omni = model(service)
        session = omni.session()
        session.push_audio(next(frames(0.02)))
        session.interrupt()
        began = time.monotonic()
        await omni.aclose()
        assert time.monotonic() - began < 2.0
        assert not service.dials and session.chat_ctx.items == [] and not session.tools.flatten()
        with pytest.raises(llm.RealtimeError):
            await session.generate_reply()


async def test_instructions_tools_and_notes_change_the_agent_of_the_running_call_once():
    async with conversation(greet, Agent(instructions="Sell tea."), greeting="Hello.") as (running, service, _):
        async with asyncio.timeout(15):
            await running.reply()
        (peer,) = service.peers
        agent = running.session.current_agent
        await agent.update_instructions("Sell coffee.")
        chat = agent.chat_ctx.copy()
        chat.add_message(role="system", content="The caller is Ada.")
        await agent.update_chat_ctx(chat)
        await wait_for(lambda: len(peer.kinds("configure")) == 2)
        await agent.update_instructions("Sell coffee.")
        await asyncio.sleep(0.2)
        assert len(service.peers) == 1 and len(peer.kinds("configure")) == 2
        persona = peer.kinds("configure")[1]["persona"]
        assert persona.startswith("Sell coffee.\n") and persona.endswith("\nNote: The caller is Ada.")
        assert "Hello." not in persona  # the call knows what it has said itself


async def test_an_earlier_conversation_is_told_in_the_persona():
    chat = llm.ChatContext.empty()
    chat.add_message(role="user", content="I have ordered tea.")
    chat.add_message(role="assistant", content="Yes, two boxes.")
    async with conversation(stay, Agent(instructions="Sell tea.", chat_ctx=chat)) as (_, service, _):
        await wait_for(lambda: service.peers and service.peers[0].kinds("configure"))
        persona = service.peers[0].kinds("configure")[0]["persona"]
    assert persona.splitlines()[0] == "Sell tea."
    assert persona.splitlines()[-2:] == ["Caller: I have ordered tea.", "You: Yes, two boxes."]


async def test_a_profile_is_used_as_it_is_and_another_agent_is_another_call_which_is_said(
    caplog: pytest.LogCaptureFixture,
):
    settings = {"configure": False, "session_label": "agent_7f3a0b12"}

    async def converse(peer: Peer) -> None:
        await peer.stay()

    async with conversation(converse, Agent(instructions="One."), converse, **settings) as (running, service, omni):
        await wait_for(lambda: service.peers and len(service.peers[0].audio) > 4000)
        assert not service.peers[0].kinds("configure")
        assert not omni.capabilities.mutable_instructions
        with pytest.raises(llm.RealtimeError, match="profile"):
            await running.session.current_agent.realtime_llm_session.update_tools([_tool()])
        running.session.update_agent(Agent(instructions="Two."))
        await wait_for(lambda: len(service.peers) == 2)
        await wait_for(lambda: "dials another Omni call" in caplog.text)


def _tool() -> llm.FunctionTool:
    @llm.function_tool
    async def look(name: str) -> str:
        """Look something up."""
        return name

    return look


async def test_what_the_caller_said_last_is_kept_though_the_session_is_closed_at_once():
    said = asyncio.Event()

    async def converse(peer: Peer) -> None:
        await peer.configured()
        await hears(peer, 0.2)
        peer.machine.caller_said("Goodbye.")
        peer.machine.turn_begin()
        await peer.flush()
        said.set()
        await peer.stay()

    async with conversation(converse) as (running, _, omni):
        answering = asyncio.Event()
        omni.on("turn_began", lambda _: answering.set())
        async with asyncio.timeout(15):
            await answering.wait()
            await running.session.aclose()
        assert told(running.session.history) == [("user", "Goodbye.")]


# What the protocol cannot say


async def test_the_greeting_is_the_reply_that_can_be_asked_for_and_no_other():
    class Eager(Agent):
        async def on_enter(self) -> None:
            self.greeting = self.session.generate_reply()

    agent = Eager(instructions="Greet.")
    async with conversation(greet, agent, greeting="Hello.") as (running, _, _):
        async with asyncio.timeout(15):
            await agent.greeting
            assert agent.greeting.exception() is None
            assert (await running.reply()).text_content == "Hello."
            second = running.session.generate_reply(instructions="Say it again.")
            await second
        assert isinstance(second.exception(), llm.RealtimeError)
        assert "cannot be asked" in str(second.exception())
        with pytest.raises(RuntimeError, match="TTS"):
            running.session.say("Verbatim.")
        assert told(running.session.history) == [("assistant", "Hello.")]


async def test_the_sessions_own_voice_is_told_to_the_agent_and_interrupted_by_the_callers_words():
    spoken = asyncio.Event()

    async def converse(peer: Peer) -> None:
        await peer.configured()
        await peer.until(lambda: len(peer.kinds("configure")) == 2)
        await peer.until(spoken.is_set)
        peer.machine.caller_said("Wait")
        await peer.flush()
        await peer.stay()

    answers = (speaking(tone(0.2)), speaking(tone(0.2)), speaking(tone(9.0)))  # the first one warms the connection
    async with omni_service(converse) as service, scripted_http(*answers) as speaker:
        output = SlowSpeaker()
        voice = TTS(voice="emma", api_key=KEY, base_url=f"http://127.0.0.1:{speaker.port}")
        omni = model(service)
        async with call(Agent(instructions="Sell tea."), llm=omni, tts=voice, output=output) as running:
            async with asyncio.timeout(20):
                await running.session.say("We close soon.")
                await wait_for(lambda: len(service.peers[0].kinds("configure")) == 2)
                assert service.peers[0].kinds("configure")[1]["persona"].endswith("\nYou: We close soon.")
                long = running.session.say("A long text.")
                output.playing.clear()
                await output.playing.wait()
                spoken.set()
                await long
            assert long.interrupted
        await omni.aclose()
        await voice.aclose()


async def test_capabilities_are_what_omni_can_do():
    async with omni_service(stay) as service:
        omni = model(service)
        flags = omni.capabilities
        assert flags.turn_detection and flags.user_transcription and flags.auto_tool_reply_generation
        assert flags.audio_output and flags.mutable_instructions and flags.mutable_tools and flags.mutable_chat_context
        assert not (flags.message_truncation or flags.manual_function_calls or flags.supports_say)
        assert not (flags.can_disable_turn_detection or flags.supports_overlapping_speech)
        assert not flags.per_response_tool_choice
        assert (omni.model, omni.provider) == ("pyai-omni", "PyAI")
