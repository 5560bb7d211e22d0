"""Whatever comes in whatever order, a conversation keeps its promises; hundreds of random calls in virtual time."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from pyai_voice.omni_options import Tool
from pyai_voice.server.brain import BrainError
from pyai_voice.server.brain.scripted import call
from pyai_voice.server.omni.facts import (
    AgentAudio,
    AgentWords,
    CallerSaid,
    CallerStarted,
    CallerStopped,
    Ended,
    Fact,
    Interrupted,
    ToolFinished,
    ToolWanted,
    TurnBegan,
    TurnEnded,
)
from pyai_voice.server.omni.habits import Habits
from tests.server.omni_scene import Scene, scene
from tests.virtual_time import run

_SAYINGS = ("Hello there.", "Uh-huh.", "And another thing, please.", "Stop.", "", "Well, the", "When do you open?")


def lines(random: Random) -> list[list[Any]]:
    """Return a script with words, tools and failures."""
    steps: list[Any] = ["Yes. ", "This is a longer sentence, which takes a while. ", call("look"), BrainError("gone")]
    weights = (5, 5, 3, 1)
    return [random.choices(steps, weights, k=random.randint(0, 4)) for _ in range(60)]


async def act(it: Scene, random: Random) -> None:
    """Do one thing."""
    conversation = it.conversation
    match random.randint(0, 9):
        case 0 | 1 | 2 | 3:
            await it.say(random.choice(_SAYINGS), random.choice((0.1, 0.3, 0.8)))
        case 4:
            conversation.press(random.choice("1234#"))
        case 5:
            conversation.interrupt()
        case 6:
            conversation.respond()
        case 7:
            conversation.say("Something else.")
        case 8:
            await conversation.commit()
        case _:
            for wanted in it.all(ToolWanted):
                conversation.answer_tool(wanted.call_id, {"n": 1}, random.choice(("", "failed")))
    await it.quiet(random.choice((0.02, 0.1, 0.5, 1.5)))


async def converse(seed: int) -> list[Fact]:
    random = Random(seed)
    habits = Habits(
        eager=random.random() < 0.7,
        answers=random.random() < 0.9,
        finds_turns=random.random() < 0.9,
        idle_after=random.choice((None, 2.0)),
    )
    async with scene(lines(random), habits=habits, tools=(Tool(name="look"),), greeting="Hello.") as it:
        it.recognizer.delay = random.choice((0.01, 0.4))
        it.conversation.greet()
        for _ in range(25):
            await act(it, random)
        for wanted in it.all(ToolWanted):
            it.conversation.answer_tool(wanted.call_id, "done")
        await it.quiet(1.0)
        await it.conversation.finish()
        await it.aclose()
        facts = it.facts
    await asyncio.sleep(0.1)
    assert len(asyncio.all_tasks()) == 1, "a task is left"
    return facts


def check_replies(facts: list[Fact]) -> None:
    """Each reply begins once, speaks only then, and ends once; nothing comes after it was interrupted."""
    begun: list[str] = []
    number = 0
    over: set[str] = set()
    interrupted: set[str] = set()
    for fact in facts:
        name = getattr(fact, "reply", "")
        assert name not in interrupted, f"{fact} came after the interruption"
        match fact:
            case TurnBegan():
                assert name not in begun and fact.number > number
                number = fact.number
                assert not begun or begun[-1] in over, "two replies at once"
                begun.append(name)
            case AgentWords() | AgentAudio() | ToolWanted():
                assert name == begun[-1] and name not in over
            case TurnEnded():
                assert name == begun[-1] and name not in over
                over.add(name)
            case Interrupted():
                assert name == begun[-1] and fact.seconds >= 0
                over.add(name)
                interrupted.add(name)
            case _:
                pass


def check_caller(facts: list[Fact]) -> None:
    """The caller's utterances begin and end in turns, and words come once."""
    opened, closed, said = "", set[str](), set[str]()
    for fact in facts:
        match fact:
            case CallerStarted(utterance=name):
                assert not opened and name not in closed
                opened = name
            case CallerStopped(utterance=name):
                assert opened == name
                opened = ""
                closed.add(name)
            case CallerSaid(utterance=name):
                assert name not in said and (name in closed or fact.committed)
                said.add(name)
            case _:
                pass


def check_tools(facts: list[Fact]) -> None:
    """Every tool that was wanted has one end."""
    wanted = [fact.call_id for fact in facts if isinstance(fact, ToolWanted)]
    finished = [fact.call_id for fact in facts if isinstance(fact, ToolFinished)]
    assert len(set(wanted)) == len(wanted) and sorted(set(finished)) == sorted(finished)
    assert set(finished) <= set(wanted)


@pytest.mark.parametrize("block", range(4))
def test_random_conversations_keep_their_promises(block: int) -> None:
    for seed in range(block * 15, block * 15 + 15):
        facts = run(converse(seed))
        try:
            check_replies(facts)
            check_caller(facts)
            check_tools(facts)
            assert isinstance(facts[-1], Ended)
        except AssertionError as error:
            error.add_note(f"seed {seed}")
            raise
