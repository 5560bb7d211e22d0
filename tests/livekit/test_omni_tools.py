"""Tool calls of Omni in LiveKit: answered once, in time, whatever LiveKit is doing meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit.agents import Agent, RunContext, ToolError, function_tool

from pyai_voice.protocol.omni.server import ToolAnswered
from tests.core.omni_service import Peer, omni_service

from .headless import call
from .omni import SlowSpeaker, conversation, hears, model, told, tone, wait_for


def now() -> float:
    return asyncio.get_running_loop().time()


class Clerk(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Help.")
        self.release = asyncio.Event()
        self.started: list[str] = []

    @function_tool
    async def quick(self, number: int) -> str:
        """Answer at once."""
        return f"quick {number}"

    @function_tool
    async def slow(self, number: int) -> str:
        """Answer when the test wants it."""
        self.started.append(f"slow {number}")
        await self.release.wait()
        return f"slow {number}"

    @function_tool
    async def wrong(self) -> str:
        """Say why not."""
        raise ToolError("There is no such order.")

    @function_tool
    async def broken(self) -> str:
        """Fail."""
        raise RuntimeError("secret detail of the program")

    @function_tool
    async def structured(self) -> str:
        """Answer with JSON."""
        return '{"status": "shipped", "items": [1, 2]}'

    @function_tool
    async def silent(self) -> None:
        """Do something."""

    @function_tool
    async def working(self, context: RunContext[Any]) -> str:
        """Say first that it takes a while."""
        await context.update("It takes a while.")
        await self.release.wait()
        return "Done."


CASES = {
    "quick": ({"number": 3}, "quick 3", ""),
    "structured": ({}, {"status": "shipped", "items": [1, 2]}, ""),
    "silent": ({}, "", ""),
    "wrong": ({}, None, "There is no such order."),
    "broken": ({}, None, "An internal error occurred"),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_result_is_sent_while_the_agent_is_still_speaking(name: str):
    """LiveKit itself would hand it over after the three seconds that are being played."""
    arguments, result, error = CASES[name]
    answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def converse(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        peer.machine.agent_said("One moment, I am looking for it.")
        peer.machine.audio(tone(3.0))
        await hears(peer, 0.1)
        call = peer.machine.tool_call(name, arguments, now())
        await peer.until(lambda: peer.calls)
        answered.set_result(call)
        assert peer.calls == [ToolAnswered(call, name, result, error)]
        await peer.stay()

    async with conversation(converse, Clerk(), slow=True) as (running, service, _):
        async with asyncio.timeout(20):
            await answered
        assert running.output.playing.is_set() and not running.output.done.is_set()
        assert len(service.peers[0].kinds("tool_result")) == 1


async def test_calls_side_by_side_run_side_by_side():
    answered: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
    clerk = Clerk()

    async def converse(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        peer.machine.audio(tone(2.0))
        calls = [peer.machine.tool_call("slow", {"number": number}, now()) for number in (1, 2, 3)]
        await peer.flush()
        while len(clerk.started) < 3:
            await peer.hear()
        clerk.release.set()
        await peer.until(lambda: len(peer.calls) == 3)
        answered.set_result([calls, peer.calls])
        await peer.stay()

    async with conversation(converse, clerk, slow=True):
        async with asyncio.timeout(20):
            calls, answers = await answered
    assert {answer.call_id: answer.result for answer in answers} == dict(
        zip(calls, ("slow 1", "slow 2", "slow 3"), strict=True)
    )


async def test_a_call_is_answered_though_the_caller_interrupts_while_it_runs():
    answered: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
    clerk = Clerk()

    async def converse(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        peer.machine.audio(tone(2.0))
        peer.machine.tool_call("slow", {"number": 1}, now())
        await peer.flush()
        while not clerk.started:
            await peer.hear()
        peer.machine.interrupt("energy")
        peer.machine.caller_said("Wait.")
        await hears(peer, 0.2)
        clerk.release.set()
        await peer.until(lambda: peer.calls)
        answered.set_result(peer.calls)
        peer.machine.turn_begin()
        peer.machine.agent_said("Yes?")
        peer.machine.audio(tone(0.2))
        await peer.stay()

    async with conversation(converse, clerk, slow=True) as (running, service, _):
        async with asyncio.timeout(20):
            (answer,) = await answered
            assert (await running.reply()).text_content == "Yes?"
        assert len(service.peers[0].kinds("tool_result")) == 1
        assert answer.result == "slow 1" or answer.error


async def test_a_call_whose_tool_could_not_start_before_the_interruption_is_answered_at_once():
    """LiveKit begins with what a reply wants when the one before it has been played; interrupted, it never begins."""
    answered: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
    clerk = Clerk()

    async def converse(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        peer.machine.agent_said("Here is something long.")
        peer.machine.audio(tone(0.4))
        await hears(peer, 1.2)  # for the service it has been played
        peer.machine.turn_begin()
        peer.machine.tool_call("slow", {"number": 1}, now())
        await hears(peer, 0.2)
        peer.machine.interrupt("energy")
        peer.machine.caller_said("Stop.")
        await peer.until(lambda: peer.calls)
        answered.set_result(peer.calls)
        await peer.stay()

    async with omni_service(converse) as service:
        omni = model(service, tool_timeout=60.0)
        async with call(clerk, llm=omni, output=SlowSpeaker(pace=20.0)), asyncio.timeout(20):
            (answer,) = await answered
        await omni.aclose()
    assert not clerk.started and "interrupted before the tool could run" in answer.error


async def test_a_tool_that_says_it_takes_a_while_is_answered_with_that():
    answered: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
    clerk = Clerk()

    async def converse(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        peer.machine.tool_call("working", {}, now())
        await peer.until(lambda: peer.calls)
        answered.set_result(peer.calls)
        await peer.stay()

    async with conversation(converse, clerk) as (_, service, _):
        async with asyncio.timeout(20):
            (answer,) = await answered
        clerk.release.set()
        await asyncio.sleep(0.2)
        assert "It takes a while." in answer.result
        assert len(service.peers[0].kinds("tool_result")) == 1


async def test_a_tool_that_is_too_slow_is_answered_for_and_its_late_result_is_not_sent():
    answered: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
    clerk = Clerk()

    async def converse(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        peer.machine.tool_call("slow", {"number": 1}, now())
        await peer.until(lambda: peer.calls)
        answered.set_result(peer.calls)
        clerk.release.set()
        await peer.stay()

    async with conversation(converse, clerk, tool_timeout=0.4) as (running, service, _):
        async with asyncio.timeout(20):
            (answer,) = await answered
            await wait_for(lambda: ("result", "slow 1") in told(running.session.history))
        assert "did not answer in time" in answer.error
        assert len(service.peers[0].kinds("tool_result")) == 1


async def test_a_tool_that_no_agent_has_is_refused_and_the_session_lives_on():
    answered: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()

    async def converse(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        await peer.flush()
        message = b'\x03{"event":"tool_call","call_id":"tc_9","name":"launch","arguments":{}}'
        await peer.socket.send(message)
        await peer.until(lambda: peer.kinds("tool_result"))
        answered.set_result(peer.kinds("tool_result"))
        peer.machine.agent_said("I cannot do that.")
        peer.machine.audio(tone(0.1))
        await peer.stay()

    errors: list[Any] = []
    async with conversation(converse, Clerk()) as (running, _, _):
        running.session.on("error", errors.append)
        async with asyncio.timeout(20):
            (answer,) = await answered
            assert (await running.reply()).text_content == "I cannot do that."
    assert answer["call_id"] == "tc_9" and "no tool launch" in answer["error"]
    assert all(each.error.recoverable for each in errors)


async def test_words_that_come_after_a_tool_was_called_are_told_once_and_no_word_twice():
    async def converse(peer: Peer) -> None:
        await peer.configured()
        await hears(peer, 0.2)
        peer.machine.caller_said("I want tea")
        peer.machine.turn_begin()
        peer.machine.tool_call("quick", {"number": 1}, now())  # LiveKit is told the words before its tool runs
        peer.machine.caller_said(" with milk.")
        await peer.until(lambda: peer.calls)
        peer.machine.agent_said("Yes.")
        peer.machine.audio(tone(0.1))
        await peer.stay()

    async with conversation(converse, Clerk()) as (running, _, _):
        async with asyncio.timeout(20):
            assert (await running.reply()).text_content == "Yes."
        said = [text for role, text in told(running.session.history) if role == "user"]
        assert said == ["I want tea", "with milk."]


async def test_where_no_tool_may_be_chosen_a_call_is_refused_and_nothing_runs():
    refused: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
    forbidden = asyncio.Event()
    clerk = Clerk()

    async def converse(peer: Peer) -> None:
        await peer.configured()
        await peer.until(forbidden.is_set)
        peer.machine.turn_begin()
        peer.machine.tool_call("slow", {"number": 1}, now())
        await peer.until(lambda: peer.calls)
        refused.set_result(peer.calls)
        await peer.stay()

    async with conversation(converse, clerk) as (running, _, _):
        running.session.current_agent.realtime_llm_session.update_options(tool_choice="none")
        forbidden.set()
        async with asyncio.timeout(20):
            (answer,) = await refused
    assert "no tool may be called now" in answer.error and not clerk.started


class Second(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You are the second agent.")

    @function_tool
    async def refund(self) -> str:
        """Give the money back."""
        return "refunded"


class First(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You are the first agent.")

    @function_tool
    async def hand_over(self) -> tuple[Agent, str]:
        """Pass the caller on."""
        return Second(), "Passing you on."


async def test_another_agent_takes_over_the_same_call():
    reached = asyncio.Event()

    async def converse(peer: Peer) -> None:
        await peer.configured()
        peer.machine.audio(tone(0.1))
        peer.machine.agent_said("Hello.")
        await hears(peer, 0.6)
        peer.machine.caller_said("I want my money back.")
        peer.machine.turn_begin()
        peer.machine.tool_call("hand_over", {}, now())
        await peer.until(lambda: peer.calls and len(peer.kinds("configure")) == 2)
        peer.machine.tool_call("refund", {}, now())
        await peer.until(lambda: len(peer.calls) == 2)
        reached.set()
        await peer.stay()

    async with conversation(converse, First(), greeting="Hello.") as (running, service, _):
        async with asyncio.timeout(20):
            await reached.wait()
            await wait_for(lambda: ("result", "refunded") in told(running.session.history))
        (peer,) = service.peers
        first, second = peer.kinds("configure")
        assert (first["persona"], second["persona"]) == ("You are the first agent.", "You are the second agent.")
        assert [tool["name"] for tool in second["tools"]] == ["refund"]
        assert (first["greeting"], second["greeting"]) == ("Hello.", "")
        assert [answer.result for answer in peer.calls] == ["Passing you on.", "refunded"]
        assert isinstance(running.session.current_agent, Second)
