"""An Omni call's life in LiveKit: dialled once, lost and found again, refused, hung up."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
from livekit import rtc
from livekit.agents import Agent, AgentSession, APIError, CloseReason, ErrorEvent, llm

from livekit_pyai import TTS
from pyai_voice.omni_events import DigitsRequested, HangUpRequested, TransferRequested
from pyai_voice.options import LinkOptions
from tests.core.omni_service import Peer, omni_service, stay
from tests.core.scripted import KEY
from tests.core.scripted_http import scripted as scripted_http
from tests.core.scripted_http import speaking

from .headless import call
from .helpers import all_of, frames
from .omni import SlowSpeaker, conversation, hears, model, told, tone, wait_for


async def collected(session: AgentSession, *names: str) -> list[tuple[str, Any]]:
    """Return what the session tells from now on."""
    seen: list[tuple[str, Any]] = []

    def note(name: str) -> Callable[[Any], None]:
        return lambda event: seen.append((name, event))

    for name in names:
        session.on(name, note(name))
    return seen


async def greet(peer: Peer) -> None:
    await peer.configured()
    peer.machine.audio(tone(0.1))
    peer.machine.agent_said("Hello.")
    await peer.stay()


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


# Trouble


async def test_a_refused_key_is_one_error_that_closes_the_session_and_shows_no_key(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    async with omni_service(stay, refusals=[(401, {})] * 9) as service:
        omni = model(service)
        errors: list[ErrorEvent] = []
        session = AgentSession(llm=omni, vad=None)
        session.on("error", errors.append)
        closed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        session.on("close", lambda event: closed.done() or closed.set_result(event))
        await session.start(Agent(instructions="Hi."), record=False)
        async with asyncio.timeout(15):
            assert (await closed).reason is CloseReason.ERROR
        await session.aclose()
        await omni.aclose()
    (error,) = errors
    assert not error.error.recoverable and isinstance(error.error.error, APIError)
    assert not error.error.error.retryable and len(service.dials) == 1
    logged = [record.getMessage() for record in caplog.records if not record.name.startswith("websockets.server")]
    told_of = "".join([all_of(error.error.error), *logged, repr(omni), repr(vars(omni)), repr(error)])
    assert KEY not in told_of


async def test_a_lost_call_is_told_of_and_the_new_one_knows_what_was_said():
    async def drop(peer: Peer) -> None:
        await peer.configured()
        peer.machine.audio(tone(0.1))
        peer.machine.agent_said("Hello.")
        await hears(peer, 0.6)
        peer.machine.caller_said("I want tea.")
        peer.machine.turn_begin()
        await hears(peer, 0.1)
        peer.socket.transport.abort()

    async def again(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        peer.machine.agent_said("Green or black?")
        peer.machine.audio(tone(0.1))
        await peer.stay()

    async with conversation(drop, Agent(instructions="Sell tea."), again, greeting="Hello.") as (running, service, _):
        errors = await collected(running.session, "error")
        reconnected: list[Any] = []
        running.session.current_agent.realtime_llm_session.on("session_reconnected", reconnected.append)
        async with asyncio.timeout(20):
            assert [(await running.reply()).text_content for _ in range(2)] == ["Hello.", "Green or black?"]
        assert len(service.peers) == 2 and len(reconnected) == 1
        assert [event.error.recoverable for _, event in errors] == [True]
        persona = service.peers[1].kinds("configure")[0]["persona"]
        assert "Caller: I want tea." in persona and "You: Hello." in persona
        assert not running.closed.done()


async def test_an_outage_that_lasts_ends_the_session_with_one_error():
    async def drop(peer: Peer) -> None:
        await peer.configured()
        peer.socket.transport.abort()

    link = LinkOptions(ride_through=0.1)
    async with conversation(drop, link=link) as (running, service, _):
        errors = await collected(running.session, "error")
        async with asyncio.timeout(20):
            assert (await running.closed).reason is CloseReason.ERROR
        assert [event.error.recoverable for _, event in errors].count(False) == 1


async def test_the_fallback_adapter_goes_on_with_the_next_model():
    async def hears_well(peer: Peer) -> None:
        await greet(peer)

    async with omni_service(stay, refusals=[(403, {})] * 9) as closed, omni_service(hears_well) as open_:
        first, second = model(closed), model(open_, greeting="Hello.")
        adapter = llm.RealtimeModelFallbackAdapter([first, second])
        async with call(Agent(instructions="Sell tea."), llm=adapter) as running:
            async with asyncio.timeout(20):
                assert (await running.reply()).text_content == "Hello."
            assert open_.peers[0].kinds("configure")[0]["persona"] == "Sell tea."
        await adapter.aclose()


@pytest.mark.parametrize("followed", [True, False])
async def test_behind_the_fallback_adapter_results_are_early_where_the_model_knows_the_session(followed: bool):
    answered: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()

    class Clerk(Agent):
        @llm.function_tool
        async def look(self) -> str:
            """Look something up."""
            return "found"

    async def converse(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        peer.machine.audio(tone(1.0))
        peer.machine.tool_call("look", {}, asyncio.get_running_loop().time())
        await peer.until(lambda: peer.calls)
        answered.set_result(peer.calls)
        await peer.stay()

    async with omni_service(converse) as service:
        omni, speaker = model(service), SlowSpeaker()
        adapter = llm.RealtimeModelFallbackAdapter([omni])
        async with call(Clerk(instructions="Look."), llm=adapter, output=speaker) as running:
            if followed:
                omni.follow(running.session)
            async with asyncio.timeout(20):
                (answer,) = await answered
            assert answer.result == "found" and speaker.done.is_set() is not followed
        await adapter.aclose()


async def test_a_call_that_the_service_ends_ends_the_session():
    async def leave(peer: Peer) -> None:
        await peer.configured()
        await hears(peer, 0.2)
        peer.machine.end()
        await peer.flush()

    async with conversation(leave) as (running, service, _):
        errors = await collected(running.session, "error")
        async with asyncio.timeout(20):
            assert (await running.closed).reason is CloseReason.ERROR
        assert len(service.peers) == 1
        assert "ended the call" in str(errors[-1][1].error.error)


async def test_a_hang_up_that_the_agent_wants_is_a_plain_end():
    async def say_goodbye(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        peer.machine.agent_said("Goodbye.")
        peer.machine.audio(tone(0.2))
        peer.machine.call_control("end_call", reason="done")
        await hears(peer, 0.3)
        peer.machine.end()
        await peer.flush()

    async with conversation(say_goodbye) as (running, _, omni):
        wanted: list[HangUpRequested] = []
        omni.on("hang_up", wanted.append)
        errors = await collected(running.session, "error")
        async with asyncio.timeout(20):
            assert (await running.closed).reason is CloseReason.USER_INITIATED
        assert wanted == [HangUpRequested("done")] and not errors
        assert told(running.session.history) == [("assistant", "Goodbye.")]


# What else a call tells


async def test_call_control_and_touch_tones_reach_the_program_both_ways():
    async def ask(peer: Peer) -> None:
        await peer.configured()
        peer.machine.call_control("transfer_to_human", destination="+4930123", reason="wants a person")
        peer.machine.call_control("send_dtmf", digits="42#")
        peer.machine.call_control("play_hold", seconds=3)
        peer.machine.call_control("collect", field="card", kind="dtmf")
        await peer.until(lambda: len(peer.kinds("dtmf")) == 2)
        await peer.stay()

    async with conversation(ask) as (running, service, omni):
        seen: list[Any] = []
        for name in ("transfer", "send_digits", "hold", "collect"):
            omni.on(name, seen.append)
        await wait_for(lambda: len(seen) == 4)
        running.session.current_agent.realtime_llm_session.press("7*")
        await wait_for(lambda: len(service.peers[0].kinds("dtmf")) == 2)
        assert isinstance(seen[0], TransferRequested) and seen[0].destination == "+4930123"
        assert seen[1] == DigitsRequested("42#") and seen[3].field == "card"
        assert [each["digits"] for each in service.peers[0].kinds("dtmf")] == ["7", "*"]
        with pytest.raises(ValueError, match="digits"):
            running.session.current_agent.realtime_llm_session.press("seven")


async def test_metrics_name_the_reply_and_count_each_second_of_the_call_once():
    async def converse(peer: Peer) -> None:
        await peer.configured()
        for _ in range(2):
            peer.machine.turn_begin()
            await hears(peer, 0.1)
            peer.machine.audio(tone(0.1))
            peer.machine.agent_said("Yes.")
            await hears(peer, 0.6)
        await peer.stay()

    async with conversation(converse) as (running, _, _):
        began = time.monotonic()
        metrics = await collected(running.session, "metrics_collected")
        async with asyncio.timeout(20):
            messages = [await running.reply(), await running.reply()]
        await running.session.aclose()
        lasted = time.monotonic() - began
        (used,) = [row for row in running.session.usage.model_usage if row.provider == "PyAI"]
    replies = [event.metrics for _, event in metrics if event.metrics.request_id]
    assert [report.request_id for report in replies] == [
        message.metrics["provider_request_ids"][0] for message in messages
    ]
    assert all(0.05 < report.ttft < 5.0 and not report.cancelled for report in replies)
    assert 0.9 < used.session_duration <= lasted + 0.5
    assert used.model == "pyai-omni"


@pytest.mark.parametrize(("rate", "frame_rate", "agent_rate"), [(24000, 24000, 24000), (8000, 8000, 8000)])
async def test_audio_of_the_wires_rate_passes_untouched(rate: int, frame_rate: int, agent_rate: int):
    pcm = bytes(range(1, 241)) * 8  # even: whole samples

    async def converse(peer: Peer) -> None:
        await peer.configured()
        await peer.until(lambda: pcm in peer.audio)
        peer.machine.turn_begin()
        peer.machine.audio(pcm)
        await peer.stay()

    async with conversation(converse, rate=rate) as (running, service, _):
        await wait_for(lambda: service.peers and service.peers[0].kinds("configure"))
        running.microphone.play(rtc.AudioFrame(pcm, frame_rate, 1, len(pcm) // 2))
        async with asyncio.timeout(20):
            await running.loudspeaker.played.wait()
        assert bytes(running.loudspeaker.pcm) == pcm
        assert running.loudspeaker.rates == {agent_rate}


async def test_the_users_state_follows_the_calls_words():
    async def converse(peer: Peer) -> None:
        await peer.configured()
        peer.machine.caller_said("Good")
        peer.machine.caller_said(" morning.")
        await hears(peer, 0.2)
        peer.machine.turn_begin()
        peer.machine.agent_said("Hello.")
        peer.machine.audio(tone(0.2))
        await peer.stay()

    async with conversation(converse) as (running, _, _):
        seen = await collected(running.session, "user_state_changed", "user_input_transcribed")
        async with asyncio.timeout(20):
            assert (await running.user()).text_content == "Good morning."
            await running.reply()
        assert [event.new_state for name, event in seen if name == "user_state_changed"] == ["speaking", "listening"]
        texts = [(event.transcript, event.is_final) for name, event in seen if name == "user_input_transcribed"]
        assert texts == [("Good", False), ("Good morning.", False), ("Good morning.", True)]


async def test_an_interruption_without_words_is_taken_for_noise():
    async def converse(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        peer.machine.audio(tone(1.0))
        await hears(peer, 0.2)
        peer.machine.interrupt("energy")
        await peer.stay()

    async with conversation(converse, slow=True) as (running, _, _):
        seen = await collected(running.session, "user_state_changed")
        await wait_for(lambda: len(seen) == 2)
        assert [event.new_state for _, event in seen] == ["speaking", "listening"]
