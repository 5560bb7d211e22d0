"""Wrong input of users and of services: one clear error each, and the session lives on where it can."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit.agents import Agent, CloseReason, llm

from livekit_pyai.realtime import RealtimeModel, Tool
from pyai_voice.omni_options import LONGEST_PERSONA
from tests.core.omni_service import Peer, omni_service, stay
from tests.core.scripted import KEY

from .omni import conversation, hears, model, tone, wait_for


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"rate": 44100}, "rate"),
        ({"language": 7}, "language"),
        ({"greeting": "x" * 1001}, "greeting"),
        ({"session_label": "a\nb"}, "session_label"),
        ({"session_label": "x" * 257}, "session_label"),
        ({"kb_endpoint": "http://example.com/kb"}, "kb_endpoint"),
        ({"configure": False}, "configure"),
        ({"nonsense": 1}, "nonsense"),
        ({"extra": {"type": "configure"}}, "extra"),
    ],
)
def test_a_wrong_option_is_named_when_the_model_is_made(wrong: dict[str, Any], named: str):
    with pytest.raises(ValueError, match=named):
        RealtimeModel(api_key=KEY, base_url="http://127.0.0.1:1", **wrong)


def test_a_missing_key_is_a_value_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PYAI_API_KEY", raising=False)
    with pytest.raises(ValueError, match="PYAI_API_KEY"):
        RealtimeModel()


def raw_tool(name: str, parameters: dict[str, Any]) -> llm.RawFunctionTool:
    async def use(raw_arguments: dict[str, object]) -> str:
        return ""

    return llm.function_tool(use, raw_schema={"name": name, "description": "", "parameters": parameters})


@pytest.mark.parametrize(
    ("agent", "named"),
    [
        (Agent(instructions="x" * (LONGEST_PERSONA + 1)), "persona"),
        (Agent(instructions="", tools=[raw_tool("look", {"type": "array"})]), "parameters"),
        (Agent(instructions="", tools=[raw_tool("two words", {"type": "object", "properties": {}})]), "name"),
    ],
)
async def test_an_agent_that_omni_does_not_take_ends_the_session_before_any_call(agent: Agent, named: str):
    async with conversation(stay, agent) as (running, service, _):
        async with asyncio.timeout(15):
            closed = await running.closed
        assert closed.reason is CloseReason.ERROR and named in str(closed.error.error)
        assert not service.dials


async def test_what_is_wrong_in_a_running_call_is_refused_and_the_call_goes_on():
    async with conversation(stay, Agent(instructions="Sell tea.")) as (running, service, _):
        await wait_for(lambda: service.peers and service.peers[0].kinds("configure"))
        session = running.session.current_agent.realtime_llm_session
        with pytest.raises(llm.RealtimeError, match="persona"):
            await session.update_instructions("x" * (LONGEST_PERSONA + 1))
        with pytest.raises(llm.RealtimeError, match="name"):
            await session.update_tools([raw_tool("two words", {"type": "object", "properties": {}})])
        await session.update_instructions("Sell coffee.")
        await wait_for(lambda: len(service.peers[0].kinds("configure")) == 2)
        assert service.peers[0].kinds("configure")[1]["persona"] == "Sell coffee."
        assert not running.closed.done() and len(service.peers) == 1


async def test_a_long_history_is_told_as_far_as_there_is_room():
    chat = llm.ChatContext.empty()
    for number in range(400):
        chat.add_message(role="user", content=f"sentence {number} " * 20)
    async with conversation(stay, Agent(instructions="y" * 31_000, chat_ctx=chat)) as (_, service, _):
        await wait_for(lambda: service.peers and service.peers[0].kinds("configure"))
        persona = service.peers[0].kinds("configure")[0]["persona"]
    assert len(persona) <= LONGEST_PERSONA and persona.startswith("y" * 31_000) and "sentence 399 " in persona


async def test_a_voice_that_the_service_does_not_have_is_one_error():
    async def other_voice(peer: Peer) -> None:
        peer.confirms = False
        await peer.configured()
        peer.machine.confirm(voice="onyx", language="en", greeting=False, knowledge=False, tools=0)
        await peer.stay()

    async with conversation(other_voice, voice="nobody") as (running, service, _):
        async with asyncio.timeout(15):
            closed = await running.closed
        refused = closed.error.error
        assert "voice nobody (onyx is used)" in str(refused) and len(service.dials) == 1
        assert refused.body["code"] == "configure_mismatch" and "on_mismatch" in refused.body["hint"]
    async with conversation(other_voice, voice="nobody", on_mismatch="report") as (running, service, _):
        errors: list[Any] = []
        running.session.on("error", errors.append)
        await wait_for(lambda: errors)
        assert errors[0].error.recoverable and not running.closed.done()


async def test_garbage_of_the_service_is_told_of_and_survived():
    async def rave(peer: Peer) -> None:
        await peer.configured()
        for garbage in ("text", b"", b"\x09what", b"\x01odd", b"\x03{not json", b"\x03[1]", b"\x03{}", b"\x02{}"):
            await peer.socket.send(garbage)
        await peer.socket.send(b'\x03{"event":"tool_call"}')
        await hears(peer, 0.1)
        peer.machine.turn_begin()
        peer.machine.agent_said("Still here.")
        peer.machine.audio(tone(0.1))
        await peer.stay()

    async with conversation(rave) as (running, service, _):
        errors: list[Any] = []
        running.session.on("error", errors.append)
        async with asyncio.timeout(15):
            assert (await running.reply()).text_content == "Still here."
        assert 1 <= len(errors) <= 5 and all(each.error.recoverable for each in errors)
        assert len(service.peers) == 1


@pytest.mark.parametrize(("status", "retried"), [(403, False), (404, False)])
async def test_a_refusal_closes_the_session_at_once(status: int, retried: bool):
    async with omni_service(stay, refusals=[(status, {})] * 9) as service:
        errors: list[llm.RealtimeModelError] = []
        omni = model(service)
        session = omni.session()
        session.on("error", errors.append)
        await wait_for(lambda: errors)
        await omni.aclose()
        assert not errors[0].recoverable and len(errors) == 1 and (len(service.dials) > 1) is retried


async def test_a_result_that_is_too_large_is_cut_and_told_of():
    class Clerk(Agent):
        @llm.function_tool
        async def read(self) -> str:
            """Read everything."""
            return "word " * 3000

    async def converse(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        peer.machine.tool_call("read", {}, asyncio.get_running_loop().time())
        await peer.until(lambda: peer.calls)
        await peer.stay()

    async with conversation(converse, Clerk(instructions="Read.")) as (running, service, _):
        errors: list[Any] = []
        running.session.on("error", errors.append)
        await wait_for(lambda: service.peers and service.peers[0].calls)
        await wait_for(lambda: errors)
        assert "cut" in service.peers[0].calls[0].result and "was cut" in str(errors[0].error.error)
        assert errors[0].error.recoverable


async def test_service_tools_are_told_beside_livekits_own():
    handover = Tool(name="transfer_to_human", description="Pass the caller to a person.")
    async with conversation(stay, Agent(instructions=""), service_tools=[handover]) as (_, service, _):
        await wait_for(lambda: service.peers and service.peers[0].kinds("configure"))
        assert [tool["name"] for tool in service.peers[0].kinds("configure")[0]["tools"]] == ["transfer_to_human"]
