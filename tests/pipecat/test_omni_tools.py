"""Tool calls of an Omni agent, carried out by Pipecat: each is answered exactly once, whatever the tool does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pipecat.frames.frames import FunctionCallCancelFrame, FunctionCallResultProperties, LLMRunFrame
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.services.llm_service import FunctionCallParams
from pipecat.utils.errors import ErrorCategory

from tests.core.omni_service import Peer, stay
from tests.pipecat.conftest import Log
from tests.pipecat.omni import OmniBot, omni_bot, tone
from tests.pipecat.pipeline import PATIENCE


class Tools:
    """Tools that do what tools do."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.stopped = asyncio.Event()
        self.calls = 0

    async def good(self, params: FunctionCallParams) -> None:
        """Work."""
        self.calls += 1
        await params.result_callback({"status": "shipped"})

    async def twice(self, params: FunctionCallParams) -> None:
        """Answer twice."""
        await params.result_callback("first")
        await params.result_callback("second")

    async def broken(self, params: FunctionCallParams) -> None:
        """Fail."""
        raise KeyError("a secret of the tool")

    async def slow(self, params: FunctionCallParams) -> None:
        """Take for ever."""
        self.started.set()
        try:
            await asyncio.sleep(60)
        finally:
            self.stopped.set()

    async def silent(self, params: FunctionCallParams) -> None:
        """Forget to answer."""

    async def huge(self, params: FunctionCallParams) -> None:
        """Say too much."""
        await params.result_callback("x" * 7000)

    async def unspeakable(self, params: FunctionCallParams) -> None:
        """Answer what JSON cannot say."""
        await params.result_callback({"tags": {1, 2}})

    async def wordless(self, params: FunctionCallParams) -> None:
        """Answer nothing."""
        await params.result_callback(None)

    async def talkative(self, params: FunctionCallParams) -> None:
        """Tell of progress."""
        await params.result_callback("half", properties=FunctionCallResultProperties(is_final=False))
        await params.result_callback("whole")

    def offered(self, *names: str) -> LLMContext:
        return LLMContext(tools=[getattr(self, name) for name in names])


def calling(*names: str) -> Any:
    """Return a script that calls tools, all at once, each message twice."""

    async def script(peer: Peer) -> None:
        await peer.configured()
        for name in names:
            peer.machine.tool_call(name, {}, asyncio.get_running_loop().time())
        for message in peer.machine.data_to_send():
            await peer.socket.send(message)
            await peer.socket.send(message)
        await peer.stay()

    return script


async def results(bot: OmniBot, count: int, number: int = 0) -> list[Any]:
    """Wait for so many results, and a while longer for one too many; return them, or the errors."""
    peer = await bot.peer(number)
    async with asyncio.timeout(PATIENCE):
        await peer.has(lambda: len(peer.kinds("tool_result")) >= count)
        slots = len(peer.slots)
        await peer.has(lambda: len(peer.slots) >= slots + 10)
    answered = sorted(peer.kinds("tool_result"), key=lambda message: int(message["call_id"].removeprefix("tc_")))
    assert len(answered) == count
    return [message.get("result", message.get("error")) for message in answered]


async def test_each_call_is_answered_once_whatever_the_tool_does() -> None:
    tools = Tools()
    names = ("good", "twice", "broken", "unspeakable", "wordless", "huge")
    async with omni_bot(calling(*names, "unknown"), context=tools.offered(*names)) as bot:
        good, twice, broken, unspeakable, wordless, huge, unknown = await results(bot, 7)
        await bot.pipeline.when(lambda: "7002 bytes" in str(bot.pipeline.errors))
        errors = [error.error for error in bot.pipeline.errors]
        about_json = [error.category for error in bot.pipeline.errors if "tc_4 is not JSON" in error.error]
    assert (good, twice, wordless) == ({"status": "shipped"}, "first", None)
    assert tools.calls == 1
    assert "broken" in broken and "secret" not in broken
    assert unspeakable == "the tool's result cannot be written as JSON"
    assert huge.endswith("(cut: 7002 bytes are more than 6000)")
    assert unknown == "there is no tool unknown"
    assert len([error for error in errors if "7002 bytes" in error]) == 1
    assert len([error for error in errors if "there is no tool unknown" in error]) == 1
    assert len([error for error in errors if "tc_4 is not JSON" in error]) == 1
    assert about_json == [ErrorCategory.APPLICATION]


async def test_a_tool_that_takes_too_long_is_stopped_and_answered_for() -> None:
    tools = Tools()
    async with omni_bot(calling("slow"), context=tools.offered("slow"), function_call_timeout_secs=0.2) as bot:
        assert await results(bot, 1) == ["the tool did not answer in time"]
        await bot.wrote("call: slow {}", "tool: CANCELLED")
        async with asyncio.timeout(PATIENCE):
            await tools.stopped.wait()
        await bot.pipeline.until(FunctionCallCancelFrame)


async def test_a_tool_that_ends_without_a_result_is_named_and_its_call_does_not_stay_open(log: Log) -> None:
    tools = Tools()
    async with omni_bot(calling("silent"), context=tools.offered("silent")) as bot:
        assert await results(bot, 1) == ["the tool did not answer in time"]
        await bot.wrote("call: silent {}", "tool: CANCELLED")
    assert ["silent" in text and "params.result_callback" in text for text in log.of("WARNING")] == [True]


async def test_an_interruption_cancels_a_tool_and_the_service_is_told() -> None:
    tools = Tools()

    async def interrupt(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        peer.machine.tool_call("slow", {}, asyncio.get_running_loop().time())
        await peer.until(tools.started.is_set)
        peer.machine.interrupt("energy")
        await peer.stay()

    async with omni_bot(interrupt, context=tools.offered("slow")) as bot:
        assert await results(bot, 1) == ["the call was cancelled"]
        await bot.wrote("call: slow {}", "tool: CANCELLED")


async def test_a_tool_may_outlive_an_interruption_and_tell_of_its_progress() -> None:
    tools = Tools()

    async def interrupt(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        peer.machine.tool_call("talkative", {}, asyncio.get_running_loop().time())
        peer.machine.interrupt("energy")
        await peer.stay()

    async with omni_bot(interrupt, run=False) as bot:
        bot.omni.register_function("talkative", tools.talkative, cancel_on_interruption=False)
        schema = LLMContext(tools=[tools.talkative]).tools
        bot.context.set_tools(schema)
        await bot.pipeline.audio(0.1)
        await bot.pipeline.send(LLMRunFrame())
        assert await results(bot, 1) == ["whole"]


async def test_a_function_that_is_registered_by_hand_works_too() -> None:
    tools = Tools()

    async def handler(params: FunctionCallParams) -> None:
        await params.result_callback(dict(params.arguments))

    async with omni_bot(calling("good"), run=False, context=tools.offered("good")) as bot:
        bot.omni.register_function("good", handler)
        await bot.pipeline.send(LLMRunFrame())
        assert await results(bot, 1) == [{}]
        assert tools.calls == 0


async def test_work_for_a_lost_call_stops_and_its_names_may_be_used_again() -> None:
    tools = Tools()

    async def lose(peer: Peer) -> None:
        await peer.configured()
        peer.machine.tool_call("slow", {}, asyncio.get_running_loop().time())
        await peer.until(tools.started.is_set)
        peer.socket.transport.abort()

    async with omni_bot(lose, calling("good"), context=tools.offered("slow", "good")) as bot:
        assert await results(bot, 1, number=1) == [{"status": "shipped"}]
        assert tools.stopped.is_set()
        await bot.wrote("call: slow {}", "tool: CANCELLED", "call: good {}", 'tool: {"status": "shipped"}')


@pytest.mark.parametrize("schema", [{"name": "two words"}, {"name": "x" * 65}])
async def test_a_tool_that_omni_cannot_take_is_one_error_and_left_out(schema: dict[str, Any]) -> None:
    tools = Tools()
    context = tools.offered("good")
    offered: Any = context.tools
    wrong = type(offered.standard_tools[0])(**{"description": "", "properties": {}, "required": [], **schema})
    offered = type(offered)(standard_tools=[*offered.standard_tools, wrong])

    async def speak(peer: Peer) -> None:
        await peer.configured()
        peer.machine.caller_said("Hello")
        peer.machine.turn_begin()
        peer.machine.audio(tone(7, 0.1))
        await stay(peer)

    async with omni_bot(speak, context=LLMContext(tools=offered)) as bot:
        peer = await bot.peer()
        await bot.wrote("user: Hello")
        assert [tool["name"] for tool in peer.kinds("configure")[0]["tools"]] == ["good"]
        assert len(bot.pipeline.errors) == 1 and "is left out" in bot.pipeline.errors[0].error
