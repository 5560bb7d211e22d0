"""What follows from what in a conversation: what the client decides, and failures; in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from pyai_voice.errors import ServerError
from pyai_voice.omni_options import OmniOptions
from pyai_voice.server.brain import BrainError, Message
from pyai_voice.server.omni.facts import AgentAudio, CallerSaid, Ended, Trouble, TurnBegan, TurnEnded
from pyai_voice.server.omni.habits import Habits
from pyai_voice.server.omni.mind import APOLOGY
from tests.server.omni_scene import LONG, LOOK, scene, virtual

# What the client decides


@virtual
async def test_a_commit_ends_the_utterance_and_only_a_commit_where_no_turns_are_found() -> None:
    async with scene(["Yes."], habits=Habits(finds_turns=False)) as it:
        await it.say("This is it.")
        await it.quiet(5.0)
        assert not it.all(CallerSaid)
        await it.conversation.commit()
        await it.quiet(1.0)
        (said,) = it.all(CallerSaid)
        assert (said.text, said.committed) == ("This is it.", True)
        assert it.all(TurnEnded)[0].text == "Yes."
        await it.conversation.commit()
        await it.quiet(0.5)
        assert [each.text for each in it.all(CallerSaid)] == ["This is it.", ""]


@virtual
async def test_what_is_cleared_was_never_said() -> None:
    async with scene(["Yes."], habits=Habits(finds_turns=False)) as it:
        await it.say("Forget this.")
        await it.conversation.clear()
        await it.quiet(1.0)
        await it.say("Keep that.")
        await it.conversation.commit()
        await it.quiet(1.0)
        assert [each.text for each in it.all(CallerSaid)] == ["Keep that."]
        assert [each.text for each in it.prompts[0].messages] == ["Keep that."]


@virtual
async def test_an_agent_that_does_not_answer_by_itself_waits_to_be_asked() -> None:
    async with scene(["Now."], habits=Habits(answers=False)) as it:
        await it.say("Hello there.")
        await it.quiet(2.0)
        assert it.all(CallerSaid) and not it.prompts
        it.conversation.add(Message("system", "Be brief."))
        it.conversation.respond("Shout.", tools=False)
        await it.quiet(1.0)
        assert it.prompts[0].persona == "Shout." and it.prompts[0].tools == ()
        assert [each.text for each in it.prompts[0].messages] == ["Hello there.", "Be brief."]
        assert it.all(TurnBegan)[0].trigger == "request"


@virtual
async def test_words_without_sound() -> None:
    async with scene(["Only. Words."], habits=Habits(speaks=False)) as it:
        await it.say("Hello there.")
        await it.quiet(1.0)
        assert it.all(TurnEnded)[0].text == "Only. Words." and not it.all(AgentAudio)


@virtual
async def test_another_agent_from_now_on() -> None:
    async with scene(["One.", "Two."], persona="first") as it:
        await it.say("Hello there.")
        await it.quiet(1.0)
        it.conversation.configure(OmniOptions(persona="second", tools=(LOOK,)))
        await it.say("Hello again.")
        await it.quiet(1.0)
        assert [(each.persona, len(each.tools)) for each in it.prompts] == [("first", 0), ("second", 1)]


@virtual
async def test_the_words_to_listen_for_may_change() -> None:
    async with scene(["One.", "Two.", "Three."], extra={"vocabulary": ["Seaview"]}) as it:
        await it.say("The seaviev please.")
        await it.quiet(1.0)
        it.conversation.configure(OmniOptions(extra={"vocabulary": ["Cappuccino"]}))
        await it.say("A cappucino, the seaviev.")
        await it.quiet(1.0)
        assert [each.text for each in it.all(CallerSaid)] == ["The Seaview please.", "A Cappuccino, the seaviev."]


@virtual
async def test_what_is_to_be_said_comes_after_what_is_being_said() -> None:
    async with scene() as it:
        it.conversation.say("First sentence.")
        it.conversation.say("Second sentence.")
        await it.quiet(2.0)
        assert [each.text for each in it.all(TurnEnded)] == ["First sentence.", "Second sentence."]


# Failures


@virtual
async def test_a_brain_that_fails_is_excused_and_the_call_goes_on() -> None:
    async with scene([[BrainError("no model")], ["Half. ", BrainError("gone")], "Fine."]) as it:
        for text in ("One.", "Two.", "Three."):
            await it.say(text)
            await it.quiet(5.0)
        assert [each.code for each in it.all(Trouble)] == ["upstream_error"] * 2
        assert [each.text for each in it.all(TurnEnded)] == [APOLOGY, "Half.", "Fine."]


@virtual
async def test_a_fault_in_a_brain_is_one_error_and_the_call_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async with scene([[KeyError("oops")], "Fine."]) as it:
        for text in ("One.", "Two."):
            await it.say(text)
            await it.quiet(2.0)
        assert [each.code for each in it.all(Trouble)] == ["internal_error"]
        assert [each.text for each in it.all(TurnEnded)] == ["", "Fine."] and "oops" in caplog.text


@virtual
async def test_a_voice_that_fails_is_one_error_and_the_call_goes_on() -> None:
    async with scene(["One.", "Two."], voice="nova") as it:
        it.voice.error = ServerError("no voice", code="engine_unavailable")
        await it.say("One.")
        await it.quiet(2.0)
        it.voice.error = None
        await it.say("Two.")
        await it.quiet(2.0)
        assert it.all(Trouble) == [Trouble("engine_unavailable", "no voice")]
        assert it.all(TurnEnded)[-1].seconds == pytest.approx(0.2)


@virtual
async def test_ears_that_fail_end_the_conversation_with_one_error() -> None:
    async with scene() as it:
        it.recognizer.error = ServerError("no ears", code="engine_unavailable")
        await it.say("Hello there.")
        await it.quiet(1.0)
        assert it.all(Trouble) == [Trouble("engine_unavailable", "no ears")]
        assert it.facts[-1] == Ended("engine_failed")


@virtual
async def test_finishing_lets_what_is_on_its_way_be_heard() -> None:
    async with scene([LONG]) as it:
        await it.say("Tell me.")
        await it.quiet(1.0)
        before = it.now
        await it.conversation.finish()
        assert 0.5 <= it.now - before <= 1.1
        await asyncio.sleep(0.01)
        assert it.facts[-1] == Ended("closed")


@virtual
async def test_closing_in_the_middle_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    async with scene([LONG, LONG]) as it:
        await it.say("Tell me.")
        await it.quiet(0.5)
        it.conversation.say(LONG)
        await it.conversation.aclose()
        await it.conversation.aclose()
    assert asyncio.all_tasks() == before
