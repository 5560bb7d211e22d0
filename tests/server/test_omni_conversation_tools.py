"""What follows from what in a conversation: tools, passages, keys, silence; in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pyai_voice.errors import ServerError
from pyai_voice.events import Passage
from pyai_voice.omni_options import OmniOptions, Tool
from pyai_voice.server.brain.scripted import call
from pyai_voice.server.omni.facts import (
    AgentAudio,
    CallControl,
    DigitsPressed,
    Ended,
    IdlePrompted,
    KnowledgeQueried,
    ToolFinished,
    ToolWanted,
    TurnBegan,
    TurnEnded,
)
from pyai_voice.server.omni.habits import Habits
from tests.server.omni_scene import LOOK, scene, virtual

# Tools

RESULT = {"a": 1}


@virtual
async def test_results_of_all_tools_are_answered_once() -> None:
    lines = [["Let me see.", call("look", n=1), call("look", n=2)], "Both are there."]
    async with scene(lines, tools=(LOOK,)) as it:
        await it.say("Look.")
        await it.quiet(0.6)
        first, second = it.all(ToolWanted)
        assert first.call_id != second.call_id and (first.arguments, second.arguments) == ({"n": 1}, {"n": 2})
        it.conversation.answer_tool(first.call_id, RESULT)
        await it.quiet(0.6)
        assert len(it.prompts) == 1
        it.conversation.answer_tool(second.call_id, error="not found")
        it.conversation.answer_tool(second.call_id, "late")
        it.conversation.answer_tool("tc_99", "unknown")
        await it.quiet(1.5)
        assert len(it.prompts) == 2 and len(it.all(ToolFinished)) == 2
        tools = [(each.role, each.text, each.failed) for each in it.prompts[1].messages[-2:]]
        assert tools == [("tool", '{"a": 1}', False), ("tool", "not found", True)]
        assert [each.trigger for each in it.all(TurnBegan)] == ["caller", "tools"]
        assert it.all(TurnEnded)[0].tools == 2


@virtual
async def test_a_tool_that_does_not_exist_is_an_error_for_the_brain() -> None:
    async with scene([[call("fly")], "I cannot."]) as it:
        await it.say("Fly.")
        await it.quiet(1.5)
        assert "no tool fly" in it.prompts[1].messages[-1].text and not it.all(ToolWanted)
        assert it.all(TurnEnded)[-1].text == "I cannot."


@virtual
async def test_a_brain_that_only_calls_tools_is_made_to_answer() -> None:
    async with scene([[call("fly")]] * 50) as it:
        await it.say("Fly.")
        await it.quiet(3.0)
        assert len(it.prompts) < 50


@virtual
async def test_a_result_that_comes_while_the_caller_speaks_is_part_of_the_next_answer() -> None:
    async with scene([["Wait.", call("look")], "Here."], tools=(LOOK,)) as it:
        await it.say("Look.")
        await it.quiet(2.0)
        (wanted,) = it.all(ToolWanted)
        speaking = asyncio.create_task(it.say("And hurry up, please, will you?", 1.5))
        await asyncio.sleep(0.5)
        it.conversation.answer_tool(wanted.call_id, RESULT)
        await speaking
        await it.quiet(1.5)
        assert len(it.prompts) == 2
        assert [each.role for each in it.prompts[1].messages] == ["user", "assistant", "tool", "user"]


@virtual
async def test_the_caller_may_speak_while_a_tool_works_and_hears_of_it_later() -> None:
    async with scene([[call("look")], "Still looking.", "Found."], tools=(LOOK,)) as it:
        await it.say("Look.")
        await it.quiet(0.6)
        (wanted,) = it.all(ToolWanted)
        await it.say("How long will it take?")
        await it.quiet(2.0)
        assert it.prompts[1].messages[2].text == "There is no answer yet."
        it.conversation.answer_tool(wanted.call_id, RESULT)
        await it.quiet(1.0)
        assert [each.text for each in it.all(TurnEnded)] == ["", "Still looking.", "Found."]


@virtual
async def test_call_control_comes_once_the_words_are_out_and_ending_once_they_were_heard() -> None:
    names = ("transfer_to_human", "end_call")
    lines = [["I connect you now.", call("transfer_to_human", destination="desk")], ["Bye.", call("end_call")]]
    async with scene(lines, tools=tuple(Tool(name=name) for name in names)) as it:
        await it.say("A person, please.")
        await it.quiet(2.0)
        (transfer,) = it.all(CallControl)
        assert (transfer.name, transfer.fields) == ("transfer_to_human", {"destination": "desk"})
        assert it.facts.index(transfer) > it.facts.index(it.all(AgentAudio)[-1])
        assert len(it.prompts) == 1 and not it.all(ToolWanted)
        await it.say("Goodbye now.")
        await it.quiet(6.0)
        control = it.all(CallControl)[1]
        sounds = [each for each in it.all(AgentAudio) if each.reply == control.reply]
        assert control.name == "end_call"
        assert it.time_of(control) - it.time_of(sounds[0]) >= 0.2 - 0.02
        assert it.all(Ended) == [Ended("agent")]


@virtual
async def test_a_caller_who_speaks_over_the_goodbye_keeps_the_call() -> None:
    goodbye = "Goodbye and thank you very much for your call today."
    async with scene([[goodbye, call("end_call")], "Of course."], tools=(Tool(name="end_call"),)) as it:
        await it.say("That is all.")
        await it.quiet(1.0)
        await it.say("Wait, one more thing, please.", 0.8)
        await it.quiet(8.0)
        assert not it.all(CallControl) and not it.all(Ended)
        assert it.all(TurnEnded)[-1].text == "Of course."


@virtual
async def test_with_control_off_such_a_tool_is_the_clients() -> None:
    async with scene([[call("end_call")]], habits=Habits(controls=False), tools=(Tool(name="end_call"),)) as it:
        await it.say("Bye.")
        await it.quiet(1.0)
        assert it.all(ToolWanted) and not it.all(CallControl)


class Post:
    """A web address."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def post(self, tool: Tool, call_id: str, arguments: dict[str, Any], timeout: float) -> Any:
        self.asked.append((tool.name, arguments))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            await asyncio.sleep(3600)
        return answer


@virtual
async def test_tools_with_an_address_are_posted_and_what_fails_is_told_to_the_brain() -> None:
    post = Post({"ok": True}, ServerError("the tool answered with status 500"), None)
    tool = Tool(name="look", endpoint="https://tools.example/look", timeout=2.0)
    lines = [[call("look", n=1)], "One.", [call("look", n=2)], "Two.", [call("look", n=3)], "Three."]
    async with scene(lines, tools=(tool,), poster=post) as it:
        for text in ("First.", "Second.", "Third."):
            await it.say(text)
            await it.quiet(4.0)
        assert [each for _, each in post.asked] == [{"n": 1}, {"n": 2}, {"n": 3}]
        finished = it.all(ToolFinished)
        assert [each.by for each in finished] == ["webhook"] * 3
        assert [each.error for each in finished] == ["", post_error(1), "the tool did not answer in time"]
        assert finished[2].seconds == pytest.approx(2.0, abs=0.1)
        assert [each.text for each in it.all(TurnEnded) if each.text] == ["One.", "Two.", "Three."]


def post_error(_: int) -> str:
    return "the tool answered with status 500"


@virtual
async def test_the_servers_own_clock_is_a_tool() -> None:
    clock = Tool(name="datetime", execution="engine")
    async with scene([[call("datetime", timezone="UTC")], "It is late."], tools=(clock,)) as it:
        await it.say("What time is it?")
        await it.quiet(1.0)
        assert "20" in it.prompts[1].messages[-1].text and not it.all(ToolWanted)


# Passages, keys, silence


class Shelf:
    """Passages for one word."""

    async def find(self, agent: OmniOptions, query: str) -> tuple[tuple[Passage, ...], KnowledgeQueried] | None:
        if "nothing" in query:
            return None
        found = (Passage("We open at nine.", 0.9),) if "open" in query else ()
        return found, KnowledgeQueried(("p1",) if found else (), "" if found else "no_match")


@virtual
async def test_passages_are_looked_up_for_each_question_and_told() -> None:
    async with scene(["At nine.", "No idea.", "Fine."], passages=Shelf()) as it:
        for text in ("When do you open?", "Who won?", "I ask nothing."):
            await it.say(text)
            await it.quiet(1.5)
        assert [each.passages for each in it.prompts] == [(Passage("We open at nine.", 0.9),), (), ()]
        assert [(each.ids, each.reason) for each in it.all(KnowledgeQueried)] == [(("p1",), ""), ((), "no_match")]


@virtual
async def test_keys_are_collected_and_told_to_the_brain() -> None:
    async with scene(["Thank you.", "Right."]) as it:
        for digit in "12":
            it.conversation.press(digit)
            await it.quiet(0.5)
        await it.quiet(2.0)
        it.conversation.press("34#")
        await it.quiet(1.0)
        assert [each.digits for each in it.all(DigitsPressed)] == ["12", "34#"]
        assert [each.messages[-1].text for each in it.prompts] == [
            "[The caller pressed 1 2 on the keypad]",
            "[The caller pressed 3 4 # on the keypad]",
        ]
        assert [each.trigger for each in it.all(TurnBegan)] == ["digits", "digits"]


@virtual
async def test_a_silent_caller_is_asked_twice_and_then_left_alone() -> None:
    async with scene(["Yes."], habits=Habits(idle_after=5.0)) as it:
        await it.quiet(30.0)
        assert len(it.all(IdlePrompted)) == 2
        assert [each.text for each in it.all(TurnEnded)] == ["Are you still there?"] * 2
        await it.say("I am here.")
        await it.quiet(7.0)
        assert len(it.all(IdlePrompted)) == 3


@virtual
@pytest.mark.parametrize("off", [{"habits": Habits(idle_after=None)}, {"extra": {"idle_check_in": "off"}}])
async def test_asking_can_be_turned_off(off: dict[str, Any]) -> None:
    async with scene(**off) as it:
        await it.quiet(60.0)
        assert not it.facts


@virtual
async def test_a_call_does_not_last_for_ever() -> None:
    async with scene(habits=Habits(longest_call=10.0, idle_after=None)) as it:
        await it.quiet(11.0)
        assert it.facts == [Ended("time_limit")]
