"""An Omni call in LiveKit that is refused, lost and found again, or ended by the service."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from livekit.agents import Agent, AgentSession, APIError, CloseReason, ErrorEvent, llm

from pyai_voice.omni_events import HangUpRequested
from pyai_voice.options import LinkOptions
from tests.core.omni_service import Peer, omni_service, stay
from tests.core.scripted import KEY

from .headless import call
from .helpers import all_of
from .omni import SlowSpeaker, collected, conversation, greet, hears, model, told, tone


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
