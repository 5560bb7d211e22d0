"""What follows from what in a conversation: turns and interruptions; in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pyai_voice.server.brain import Message
from pyai_voice.server.brain.scripted import call
from pyai_voice.server.omni.facts import (
    AgentAudio,
    AgentWords,
    AudioPosition,
    CallerSaid,
    CallerStarted,
    CallerStopped,
    CallerWords,
    Interrupted,
    ToolWanted,
    TurnBegan,
    TurnEnded,
)
from pyai_voice.server.omni.habits import Habits
from tests.server.omni_scene import LONG, LOOK, scene, virtual

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
