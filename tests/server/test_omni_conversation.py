"""What follows from what in a conversation: turns, interruptions, tools, keys, silence, failures; in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import pytest

from pyai_voice.errors import ServerError
from pyai_voice.events import Passage
from pyai_voice.omni_options import OmniOptions, Tool
from pyai_voice.server.brain import BrainError, Message
from pyai_voice.server.brain.scripted import call
from pyai_voice.server.omni.facts import (
    AgentAudio,
    AgentWords,
    AudioPosition,
    CallControl,
    CallerSaid,
    CallerStarted,
    CallerStopped,
    CallerWords,
    DigitsPressed,
    Ended,
    IdlePrompted,
    Interrupted,
    KnowledgeQueried,
    ToolFinished,
    ToolWanted,
    Trouble,
    TurnBegan,
    TurnEnded,
)
from pyai_voice.server.omni.habits import Habits
from pyai_voice.server.omni.mind import APOLOGY
from tests.server.omni_scene import scene
from tests.virtual_time import run

Test = Callable[..., Coroutine[Any, Any, None]]

LOOK = Tool(name="look")
LONG = "This answer is long enough that the caller can say something while it is being spoken to them."
"""About 4.7 s."""


def virtual(test: Test) -> Callable[..., None]:
    """Run a test in virtual time."""

    @wraps(test)
    def in_virtual_time(*arguments: Any, **named: Any) -> None:
        run(test(*arguments, **named))

    return in_virtual_time


# Turns


@virtual
async def test_a_turn_has_its_facts_in_their_order() -> None:
    async with scene(["Yes. I do."]) as it:
        await it.quiet(0.5)
        await it.say("Do you hear me?")
        await it.quiet(2.0)
        kinds = [type(fact) for fact in it.facts if not isinstance(fact, CallerWords | AgentAudio | AudioPosition)]
        assert kinds == [CallerStarted, CallerStopped, CallerSaid, TurnBegan, AgentWords, AgentWords, TurnEnded]
        (said,), (began,), (ended,) = it.all(CallerSaid), it.all(TurnBegan), it.all(TurnEnded)
        assert (said.text, said.committed) == ("Do you hear me?", False)
        assert said.began == pytest.approx(0.5, abs=0.1) and said.ended == pytest.approx(1.1, abs=0.1)
        assert (began.number, began.trigger, began.reply) == (1, "caller", ended.reply)
        assert began.waited == pytest.approx(0.3, abs=0.1)
        assert ended.text == "Yes. I do." == "".join(words.text for words in it.all(AgentWords))
        assert ended.seconds == pytest.approx(it.sound(ended.reply)) == pytest.approx(0.45)


@virtual
async def test_speech_is_handed_out_a_little_ahead_of_real_time_and_no_more() -> None:
    async with scene([LONG + " " + LONG], habits=Habits(ahead=1.0)) as it:
        await it.say("Tell me.")
        await it.quiet(8.0)
        sounds = it.all(AgentAudio)
        began = it.time_of(sounds[0])
        handed = 0.0
        for sound in sounds:
            ahead = handed - (it.time_of(sound) - began)
            assert -0.05 <= ahead <= 1.05  # no gap, and never more than a second to lose
            handed += len(sound.pcm) / 48000
        positions = it.all(AudioPosition)
        assert len(positions) >= 10 and all(each.sent - each.realtime <= 1.15 for each in positions)


@virtual
async def test_the_first_sentence_is_spoken_while_the_brain_still_writes() -> None:
    gate = asyncio.Event()
    async with scene([["First one. ", "Second", gate, " one."]]) as it:
        await it.say("Go on.")
        await it.quiet(2.0)
        assert [words.text for words in it.all(AgentWords)] == ["First one."]
        assert it.sound("reply_1") == pytest.approx(0.5)
        gate.set()
        await it.quiet(1.0)
        assert it.all(TurnEnded)[0].text == "First one. Second one."


@virtual
async def test_it_begins_to_think_before_the_turn_is_over_and_nothing_of_it_shows() -> None:
    async with scene(["Yes."], habits=Habits(endpointing=1.0)) as it:
        await it.say("Are you there?")
        await it.quiet(0.6)
        assert len(it.prompts) == 1 and not it.all(TurnBegan) and not it.all(CallerSaid)
        assert it.prompts[0].messages[-1] == Message("user", "Are you there?")
        await it.quiet(1.0)
        assert len(it.prompts) == 1  # what was thought ahead is what is said
        assert it.all(TurnEnded)[0].text == "Yes."


@virtual
async def test_what_was_thought_ahead_is_thrown_away_when_the_caller_goes_on() -> None:
    wanted = [["Early.", call("look")], ["Late."]]
    async with scene(wanted, habits=Habits(endpointing=1.0), tools=(LOOK,)) as it:
        await it.say("I want a coffee.")
        await it.quiet(0.6)
        assert len(it.prompts) == 1
        await it.say("And a tea.")
        await it.quiet(2.0)
        assert [each.messages[-1].text for each in it.prompts] == ["I want a coffee.", "I want a coffee. And a tea."]
        assert [each.text for each in it.all(TurnEnded)] == ["Late."]
        assert not it.all(ToolWanted)  # a tool is not asked for on a guess
        assert [each.text for each in it.all(CallerSaid)] == ["I want a coffee. And a tea."]


@virtual
async def test_without_eagerness_it_thinks_when_the_turn_is_over() -> None:
    async with scene(["Yes."], habits=Habits(endpointing=1.0, eager=False)) as it:
        await it.say("Are you there?")
        await it.quiet(0.8)
        assert not it.prompts
        await it.quiet(1.0)
        assert it.all(TurnEnded)[0].text == "Yes."


@virtual
async def test_an_utterance_longer_than_the_ears_can_hold_is_one_turn() -> None:
    words = " ".join(f"w{number}" for number in range(60)) + "."
    async with scene(["Understood."], habits=Habits(endpointing=0.3)) as it:
        await it.say(words, 33.0)
        await it.quiet(3.0)
        (said,) = it.all(CallerSaid)
        assert said.text.endswith("w59.") and said.text.startswith("w0 ")
        assert len(it.all(TurnBegan)) == 1
        assert len(it.all(CallerStarted)) == len(it.all(CallerStopped)) == 1


@virtual
async def test_an_utterance_whose_end_has_no_words_is_answered() -> None:
    async with scene(["Understood."]) as it:
        await it.play(it.recognizer.prepare("I have a question.", 20.0) + it.recognizer.prepare("", 10.5))
        await it.quiet(4.0)
        assert [each.text for each in it.all(CallerSaid)] == ["I have a question."]
        assert [each.text for each in it.all(TurnEnded)] == ["Understood."]
        assert len(it.all(CallerStarted)) == len(it.all(CallerStopped)) == 1


# Interruptions


@virtual
async def test_the_caller_interrupts_within_a_fifth_of_a_second() -> None:
    async with scene([LONG, "Yes?"]) as it:
        await it.say("Tell me.")
        await it.quiet(1.5)
        began = it.now
        await it.say("Stop, I have another question.", 1.0)
        (cut,) = it.all(Interrupted)
        assert it.time_of(cut) - began <= 0.2
        assert (cut.reply, cut.reason) == ("reply_1", "caller")
        assert LONG.startswith(cut.spoken) and cut.seconds == pytest.approx(1.2, abs=0.35)
        await it.quiet(2.0)
        after = it.facts[it.facts.index(cut) + 1 :]
        assert not [fact for fact in after if getattr(fact, "reply", "") == "reply_1"]
        assert it.prompts[-1].messages[1].text == f"{cut.spoken} -"
        assert it.all(TurnEnded)[-1].text == "Yes?"


@virtual
async def test_the_last_second_that_is_still_playing_can_be_interrupted() -> None:
    async with scene(["These are about two seconds of it all.", "Yes?"]) as it:
        await it.say("Tell me.")
        while not it.all(TurnEnded):
            await it.quiet(0.02)
        await it.say("Wait, please, one moment now.", 1.0)
        (cut,) = it.all(Interrupted)
        assert cut.reply == "reply_1" and "These are".startswith(cut.spoken[:9])
        assert 0 < len(cut.spoken) < len("These are about two seconds of it all.")


@virtual
@pytest.mark.parametrize("sign", ["Uh-huh.", "Yeah.", "Okay, right.", "Mm-hmm."])
async def test_a_sign_of_listening_does_not_take_the_floor(sign: str) -> None:
    async with scene([LONG, "never said"]) as it:
        await it.say("Tell me.")
        await it.quiet(1.5)
        await it.say(sign, 0.4)
        await it.quiet(7.0)
        assert len(it.prompts) == 1
        (cut,) = it.all(Interrupted)
        first, second = it.all(TurnBegan)
        assert (first.trigger, second.trigger) == ("caller", "resume")
        (ended,) = it.all(TurnEnded)
        assert ended.reply == second.reply
        assert f"{cut.spoken} {ended.text.strip()}" == LONG
        whole = len(LONG) * 0.05
        assert cut.seconds + it.sound(second.reply) == pytest.approx(whole, abs=0.25)


@virtual
async def test_the_same_word_is_an_answer_where_the_agent_has_asked() -> None:
    async with scene(["You want a large latte, is that right?", "Coming."]) as it:
        await it.say("A large latte.")
        await it.quiet(2.1)
        await it.say("Yeah.", 0.4)
        await it.quiet(2.0)
        assert it.prompts[-1].messages[-1].text == "Yeah." and it.all(TurnEnded)[-1].text == "Coming."


@virtual
async def test_a_voice_without_words_lets_the_agent_go_on() -> None:
    async with scene([LONG]) as it:
        await it.say("Tell me.")
        await it.quiet(1.5)
        await it.say("", 0.3)
        await it.quiet(8.0)
        assert [each.trigger for each in it.all(TurnBegan)] == ["caller", "resume"]
        assert len(it.all(CallerSaid)) == 1 and len(it.all(CallerStarted)) == len(it.all(CallerStopped)) == 2


@virtual
async def test_a_short_noise_does_not_stop_the_agent() -> None:
    async with scene([LONG]) as it:
        await it.say("Tell me.")
        await it.quiet(1.5)
        for _ in range(3):
            await it.say("", 0.06)
            await it.quiet(0.4)
        await it.quiet(5.0)
        assert not it.all(Interrupted) and it.all(TurnEnded)[0].text == LONG


@virtual
async def test_a_caller_who_goes_on_before_the_agent_is_heard_is_answered_once() -> None:
    gate = asyncio.Event()
    async with scene([[gate, "Early."], "Both."]) as it:
        await it.say("One coffee.")
        await it.quiet(0.5)
        await it.say("And a tea, please.")
        await it.quiet(1.5)
        assert [each.text for each in it.all(TurnEnded)] == ["Both."] and not it.all(Interrupted)
        texts = [each.text for each in it.prompts[-1].messages]
        assert texts == ["One coffee.", "And a tea, please."]


@virtual
@pytest.mark.parametrize("eager", [True, False])
async def test_a_caller_who_goes_on_while_the_end_is_being_judged_is_not_talked_over(eager: bool) -> None:
    async with scene([LONG] * 3, habits=Habits(eager=eager)) as it:
        it.recognizer.delay = 0.6
        await it.say("Wait.")
        await it.quiet(0.5)
        await it.say("I have another question.", 1.5)
        assert [each.text for each in it.all(CallerSaid)] == ["Wait."]
        await it.quiet(2.0)
        assert not it.all(Interrupted) and len(it.all(TurnBegan)) == 1
        assert [each.text for each in it.prompts[-1].messages] == ["Wait.", "I have another question."]
        assert len(it.all(CallerStarted)) == len(it.all(CallerStopped)) == 2


@virtual
async def test_a_noise_while_the_end_is_being_judged_only_delays_the_answer() -> None:
    async with scene([LONG]) as it:
        it.recognizer.delay = 0.6
        await it.say("Tell me.")
        await it.quiet(0.5)
        await it.say("", 0.3)
        await it.quiet(8.0)
        (began,) = it.all(TurnBegan)
        assert not it.all(Interrupted) and it.all(TurnEnded)[0].text == LONG
        assert it.time_of(began) - it.time_of(it.all(CallerSaid)[0]) < 3


@virtual
async def test_nothing_interrupts_the_consent_line() -> None:
    async with scene(consent_line=LONG, greeting="Hello.") as it:
        it.conversation.greet()
        await it.quiet(1.0)
        await it.say("Hi there, hello.", 0.6)
        await it.quiet(5.0)
        assert LONG in [each.text for each in it.all(TurnEnded)]
        assert not [each for each in it.all(Interrupted) if each.reply == "reply_1"]


@virtual
@pytest.mark.parametrize(("sensitivity", "interrupts"), [("low", False), ("normal", True), ("high", True), (-3, False)])
async def test_how_easily_it_is_interrupted_is_the_agents_choice(sensitivity: Any, interrupts: bool) -> None:
    async with scene([LONG], extra={"barge_sensitivity": sensitivity}) as it:
        await it.say("Tell me.", 1.0)
        await it.quiet(1.5)
        await it.play((10_000).to_bytes(2, "little") * 320 * 12)  # a third of full scale, -10 dB
        await it.quiet(0.2)
        assert bool(it.all(Interrupted)) is interrupts


@virtual
async def test_the_client_interrupts_and_says_how_much_was_heard() -> None:
    async with scene([LONG, "Next."]) as it:
        await it.say("Tell me.")
        await it.quiet(2.0)
        it.conversation.interrupt()
        await it.quiet(0.1)
        (cut,) = it.all(Interrupted)
        assert cut.reason == "client"
        it.conversation.truncate(cut.reply, 0.5)
        it.conversation.respond()
        await it.quiet(1.0)
        assert it.prompts[-1].messages[-1].text == "This -"


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
