"""What a pipeline is told of an Omni call: message by message, and in a thousand random conversations."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipecat_pyai._omni_spoken import SpokenWords
from pipecat_pyai._omni_translation import (
    CallerSays,
    Cut,
    Leave,
    OmniStep,
    OmniTranslation,
    ReplyBegins,
    ReplyEnds,
    RunTool,
    Show,
    Sound,
    Spoken,
    StopTool,
    TurnBegins,
    TurnEnds,
)
from pyai_voice.omni_events import (
    AgentTurnBegan,
    CallEnded,
    CallerTranscript,
    HangUpRequested,
    IdlePrompt,
    Interrupted,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ToolCallClosed,
    ToolCalled,
)
from tests.core.omni import LOOKUP, Line, called, caller, event, said
from tests.pipecat.omni import tone

SECOND = ReplyAudio("r1", bytes(48_000), 24_000)
HEARD = Sound(SECOND.pcm, 24_000)
CALL = ToolCalled("tc_1", "lookup_order", {}, 4.5)


def text(words: str) -> ReplyText:
    return ReplyText("r1", words, words, True)


def words(text: str, utterance: str = "c1", *, final: bool = False, amended: bool = False) -> CallerTranscript:
    return CallerTranscript(text, utterance, final, amended)


def steps(*events: Any) -> list[OmniStep]:
    translation = OmniTranslation()
    return [step for each in events for step in translation.receive(each)]


# The caller


def test_a_turn_begins_with_words_and_ends_with_the_agents() -> None:
    assert steps(words("where"), words("where is it"), words("where is it", final=True), AgentTurnBegan(1)) == [
        TurnBegins(),
        CallerSays("where", False),
        CallerSays("where is it", False),
        CallerSays("where is it", True),
        TurnEnds(),
    ]


def test_a_turn_may_have_several_utterances() -> None:
    told = steps(words("yes", final=True), words("and"), words("and no", "c2"), AgentTurnBegan(1))
    assert told == [
        TurnBegins(),
        CallerSays("yes", True),
        CallerSays("and no", False),
        CallerSays("and no", True),
        TurnEnds(),
    ]


def test_the_tail_of_an_utterance_is_a_turn_of_its_own_and_repeats_nothing() -> None:
    tail = words("tell me more", final=True, amended=True)
    told = steps(words("tell me"), words("tell me", final=True), AgentTurnBegan(1), tail)
    assert told[-3:] == [TurnBegins(), CallerSays("more", True), TurnEnds()]


def test_words_that_are_spelt_otherwise_later_are_not_said_twice() -> None:
    translation = OmniTranslation()
    translation.receive(words("wheres my order"))
    assert translation.lose_patience() == [CallerSays("wheres my order", True), TurnEnds()]
    assert translation.receive(words("Where's my order, please?")) == [TurnBegins(), CallerSays("please?", False)]
    assert translation.receive(words("Where's my order, please?", final=True))[-1] == CallerSays("please?", True)


def test_a_reply_that_no_turn_announces_ends_the_callers_turn_too() -> None:
    assert steps(words("hello"), ReplyStarted("r1"))[-2:] == [CallerSays("hello", True), TurnEnds()]


# The agent


def test_words_that_follow_their_sound_are_passed_on_at_once() -> None:
    told = steps(ReplyStarted("r1"), SECOND, text("Once upon"), SECOND, text("a time."), ReplyEnded("r1", "", 2.0))
    assert told == [
        ReplyBegins(),
        HEARD,
        Show("Once upon"),
        Spoken("Once upon"),
        HEARD,
        Show("a time."),
        Spoken("a time."),
        ReplyEnds(),
    ]


def test_words_that_come_ahead_follow_their_sound_at_its_pace() -> None:
    told = steps(text("Once upon a time there was"), SECOND, SECOND, ReplyEnded("r1", "", 2.0))
    assert told == [
        ReplyBegins(),
        Show("Once upon a time there was"),
        HEARD,
        Spoken("Once upon"),
        HEARD,
        Spoken("a time"),
        Spoken("there was"),
        ReplyEnds(),
    ]


def test_the_next_words_say_that_the_earlier_were_heard() -> None:
    told = steps(text("A rather long sentence."), SECOND, text("And another."), ReplyEnded("r1", "", 1.0))
    assert [each.text for each in told if isinstance(each, Spoken)] == [
        "A rather",
        "long sentence.",
        "And another.",
    ]


def test_the_pace_is_that_of_the_replies_before() -> None:
    spoken = SpokenWords()
    spoken.learn("x" * 60, 3.0)
    spoken.begin()
    assert spoken.words("one two three four five six") == ""
    assert spoken.sound(1.0) == "one two three four"
    spoken.learn("x" * 600, 3.0)  # no voice is so fast
    spoken.learn("x", 1.0)  # too short to tell
    spoken.begin()
    assert spoken.words("a" * 24 + " " + "b" * 24) == ""
    assert spoken.sound(1.0) == "a" * 24


def test_a_cut_takes_the_words_that_were_not_heard() -> None:
    told = steps(
        text("Once upon a time"), SECOND, Interrupted("r1", "energy"), ReplyEnded("r1", "Once upon a time", 1.0, True)
    )
    assert told[-3:] == [Spoken("Once upon"), Cut(), ReplyEnds()]
    assert steps(Interrupted("", "energy")) == [Cut()]
    assert steps(SECOND, Interrupted("r1", "client"))[-1] == ReplyEnds()


def test_a_tool_call_ends_the_turn_and_the_words_before_it() -> None:
    ended = ReplyEnded("r1", "", 2.0)
    told = steps(words("where"), AgentTurnBegan(1), text("Let me look that up."), SECOND, CALL, SECOND, ended)
    assert told[-7:] == [
        Spoken("Let me"),
        Spoken("look that up."),
        ReplyEnds(),
        RunTool(CALL),
        ReplyBegins(),
        HEARD,
        ReplyEnds(),
    ]
    assert steps(text("Silent."), CALL, ended)[-5:] == [
        ReplyEnds(),
        RunTool(CALL),
        ReplyBegins(),
        Spoken("Silent."),
        ReplyEnds(),
    ]
    assert steps(ToolCallClosed("tc_1", "timeout")) == [StopTool("tc_1")]


# The end


def test_the_call_ends_after_the_goodbye() -> None:
    told = steps(SECOND, HangUpRequested("done"), SECOND, ReplyEnded("r1", "", 2.0), CallEnded("service"))
    assert told == [ReplyBegins(), HEARD, HEARD, ReplyEnds(), Leave("done")]
    assert steps(SECOND, CallEnded("service"))[-2:] == [ReplyEnds(), Leave("the service ended the call")]
    assert steps(CallEnded("client")) == []
    assert steps(IdlePrompt()) == []


def test_without_a_goodbye_patience_ends_the_call() -> None:
    translation = OmniTranslation()
    assert translation.receive(HangUpRequested()) == [] and translation.waiting
    assert translation.lose_patience() == [Leave("the agent ended the call")]
    assert not translation.waiting and translation.lose_patience() == []
    translation.receive(HangUpRequested())
    translation.receive(SECOND)
    assert translation.lose_patience() == []


def test_a_stream_that_is_closed_leaves_nothing_open() -> None:
    translation = OmniTranslation()
    for each in (words("hello"), SECOND):
        translation.receive(each)
    assert translation.close() == [CallerSays("hello", True), TurnEnds(), ReplyEnds()]
    assert translation.close() == []
    assert translation.receive(words("hello"))[-1] == CallerSays("hello", False)


# A thousand conversations

_ACTIONS = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([0.02, 0.1, 0.2, 0.4, 1.5])),
    st.tuples(st.just("sound"), st.sampled_from([0.02, 0.3, 1.0, 3.0])),
    st.tuples(st.just("say"), st.sampled_from(["Yes.", "Let me see.", "Once upon a time there was a king"])),
    st.tuples(st.just("caller"), st.sampled_from(["I", " want", " tea", " please"])),
    st.tuples(st.just("turn"), st.none()),
    st.tuples(st.just("flush"), st.none()),
    st.tuples(st.just("tool"), st.none()),
    st.tuples(st.just("answer"), st.none()),
    st.tuples(st.just("impatient"), st.none()),
)


class Play:
    """A conversation between a real client machine and a service that does anything at any time."""

    def __init__(self) -> None:
        self.line = Line(tools=(LOOKUP,))
        self.translation = OmniTranslation()
        self.steps: list[OmniStep] = []
        self.turn = self.tools = self.results = 0
        self.gate = True
        self.sound = 0
        self.caller = ""
        self.pending: list[str] = []

    def act(self, action: str, value: Any) -> None:
        getattr(self, f"_{action}")(value)

    def _wait(self, seconds: float) -> None:
        self.take(self.line.passes(seconds))

    def _sound(self, seconds: float) -> None:
        pcm = tone(1 if self.gate else 2, seconds)
        self.sound += len(pcm) * self.gate
        self.take(self.line.hears(b"\x01" + pcm))

    def _say(self, words: str) -> None:
        self.take(self.line.hears(said(words)))

    def _caller(self, delta: str) -> None:
        self.caller += delta
        self.take(self.line.hears(caller(delta)))

    def _turn(self, _: None) -> None:
        self.turn, self.gate = self.turn + 1, True
        self.take(self.line.hears(event("turn_begin", turn=self.turn)))

    def _flush(self, _: None) -> None:
        self.gate = False
        self.take(self.line.hears(event("flush", reason="energy")))

    def _tool(self, _: None) -> None:
        self.tools += 1
        self.take(self.line.hears(called(f"tc_{self.tools}")))

    def _answer(self, _: None) -> None:
        if self.pending:
            self.line.client.answer(self.pending.pop(), {"status": "shipped"})

    def _impatient(self, _: None) -> None:
        self.steps += self.translation.lose_patience()

    def take(self, events: list[Any]) -> None:
        for each in events:
            new = self.translation.receive(each)
            self.pending += [step.call.call_id for step in new if isinstance(step, RunTool)]
            stopped = {step.call_id for step in new if isinstance(step, StopTool)}
            self.pending = [call for call in self.pending if call not in stopped]
            self.steps += new
        self.results += sum(message["type"] == "tool_result" for message in self.line.sent())

    def end(self) -> None:
        self.act("wait", 6.0)
        self.steps += self.translation.close()


@settings(max_examples=1000)
@given(st.lists(_ACTIONS, max_size=30))
def test_whatever_happens_nothing_stays_open_and_nothing_comes_twice_or_late(actions: list[tuple[str, Any]]) -> None:
    play = Play()
    play.act("turn", None)
    for action, value in actions:
        play.act(action, value)
    play.end()
    check_turns(play)
    check_replies(play)
    assert play.results == play.tools == sum(isinstance(step, RunTool) for step in play.steps)


def check_turns(play: Play) -> None:
    open_turn = False
    finals: list[str] = []
    for step in play.steps:
        match step:
            case TurnBegins() | TurnEnds():
                assert open_turn is isinstance(step, TurnEnds)
                open_turn = not open_turn
            case CallerSays(words, final):
                assert open_turn
                finals += [words] * final
            case RunTool():
                assert not open_turn
            case _:
                pass
    assert not open_turn
    assert "".join(finals).replace(" ", "") == play.caller.replace(" ", "")


def check_replies(play: Play) -> None:
    replying = False
    sound, shown, spoken = 0, [""], [""]
    for step in play.steps:
        match step:
            case ReplyBegins():
                assert not replying
                replying = True
            case ReplyEnds():
                assert replying
                replying = False
            case Sound(pcm):
                assert replying and pcm[:2] == b"\x01\x00"
                sound += len(pcm)
            case Show(words):
                assert replying
                shown[-1] += f"{words} "
            case Spoken(words):
                assert replying
                spoken[-1] += f"{words} "
            case Cut():
                shown.append("")
                spoken.append("")
            case _:
                pass
    assert not replying
    assert sound == play.sound
    for meant, heard in zip(shown, spoken, strict=True):
        assert meant.startswith(heard)


@pytest.mark.parametrize("seconds", [0.0, 0.4])
def test_a_reply_that_is_not_cut_has_all_its_words(seconds: float) -> None:
    play = Play()
    for action in [("turn", None), ("say", "Once upon a time"), ("sound", seconds), ("say", "there was."), ("wait", 2)]:
        if action[1] != 0.0:
            play.act(*action)
    play.end()
    assert " ".join(step.text for step in play.steps if isinstance(step, Spoken)) == "Once upon a time there was."
