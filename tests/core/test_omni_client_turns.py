"""The client machine of Omni: the agent speaks, is interrupted, and the caller speaks."""

from __future__ import annotations

import pytest

from pyai_voice.omni_events import (
    AgentTurnBegan,
    CallerTranscript,
    Interrupted,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ReplyTruncated,
    ServiceEvent,
)
from tests.core.omni import SECOND, Line, caller, event, of, said, sound

# The agent speaks


def test_a_reply_ends_when_it_has_been_played_and_nothing_more_came() -> None:
    line = Line()
    line.hears(event("turn_begin", turn=1), sound(1.0), said("Good morning."))
    assert line.waits(1.30) == []
    assert line.waits(0.10) == [ReplyEnded("r1", "Good morning.", 1.0)]


def test_a_pause_between_sentences_that_is_shorter_than_their_sound_does_not_end_the_reply() -> None:
    line = Line()
    line.hears(event("turn_begin", turn=1), sound(2.0), said("One."))
    line.hears(sound(1.0), said("Two."), after=1.5)
    assert line.waits(1.8) == []
    assert line.waits(0.2) == [ReplyEnded("r1", "One. Two.", 3.0)]


def test_words_after_the_sound_keep_the_reply_open() -> None:
    line = Line()
    line.hears(event("turn_begin", turn=1), sound(0.1))
    line.hears(said("Late"), after=0.4)
    assert of(ReplyEnded, line.waits(0.3)) == []
    assert of(ReplyEnded, line.waits(0.1)) == [ReplyEnded("r1", "Late", 0.1)]


def test_the_callers_words_end_a_reply_that_has_been_played() -> None:
    line = Line()
    line.hears(event("turn_begin", turn=1), sound(1.0))
    assert of(ReplyEnded, line.hears(caller("No"), after=0.5)) == []
    assert line.hears(caller(" thanks"), after=0.6)[0] == ReplyEnded("r1", "", 1.0)


def test_segments_replace_themselves_until_they_are_final() -> None:
    line = Line()
    events = line.hears(
        event("turn_begin", turn=1),
        said("Good", final=False),
        said("Good morning.", final=False),
        said("Good morning!"),
        said("How are", final=False),
    )
    assert [(each.text, each.segment, each.final) for each in of(ReplyText, events)] == [
        ("Good", "Good", False),
        ("Good morning.", "Good morning.", False),
        ("Good morning!", "Good morning!", True),
        ("Good morning! How are", "How are", False),
    ]
    assert line.waits(0.4) == [
        ReplyText("r1", "Good morning! How are", "How are", True),
        ReplyEnded("r1", "Good morning! How are", 0.0),
    ]


def test_the_agents_words_may_come_as_deltas_in_the_older_shape() -> None:
    line = Line()
    old = [
        b'\x02{"role":"assistant","delta":"%s","sequence":%d}' % (each, at) for at, each in enumerate([b"Yes", b" sir"])
    ]
    assert [each.text for each in of(ReplyText, line.hears(*old))] == ["Yes", "Yes sir"]
    assert line.hears(old[0]) == []  # older than what is known
    assert line.hears(b'\x02{"role":"assistant","text":"  "}') == []


def test_a_new_turn_ends_the_reply_before_it_tells_the_words_it_answers() -> None:
    line = Line()
    line.hears(event("turn_begin", turn=1), sound(1.0), said("Tea?"), caller("Yes"), caller(" please"))
    assert line.hears(event("turn_begin", turn=2, since_caller_end_ms=420)) == [
        ReplyEnded("r1", "Tea?", 1.0),
        CallerTranscript("Yes please", "c1", final=True),
        AgentTurnBegan(2, 0.42),
    ]


def test_both_names_of_one_turn_are_one_turn() -> None:
    line = Line()
    assert line.hears(event("turn", role="assistant"), event("turn_begin", turn=1)) == [AgentTurnBegan()]
    assert line.hears(event("turn_begin", turn=1), event("turn", role="assistant")) == []
    assert line.hears(sound(0.1), event("turn_begin", turn=2))[-1] == AgentTurnBegan(2)


def test_the_callers_turn_is_not_the_agents() -> None:
    assert Line().hears(event("turn", role="user")) == [ServiceEvent("turn", {"event": "turn", "role": "user"})]


# Interruption


@pytest.mark.conforms("O-08")
@pytest.mark.parametrize("signals", [["flush"], ["barge_in"], ["flush", "barge_in"], ["barge_in", "flush", "flush"]])
def test_a_flush_is_one_interruption_and_nothing_of_the_turn_comes_after_it(signals: list[str]) -> None:
    line = Line()
    line.hears(event("turn_begin", turn=1), sound(1.0), said("Once upon a time"))
    assert line.hears(*[event(signal, reason="energy") for signal in signals]) == [
        Interrupted("r1", "energy"),
        ReplyEnded("r1", "Once upon a time", 1.0, interrupted=True),
    ]
    assert line.hears(sound(1.0), said("there was"), event("turn_begin", turn=1), sound(1.0)) == []
    assert line.waits(2.0) == []
    assert line.hears(event("turn_begin", turn=2), sound(0.5)) == [
        AgentTurnBegan(2),
        ReplyStarted("r2"),
        ReplyAudio("r2", SECOND[:24_000], 24000),
    ]


@pytest.mark.conforms("O-08")
def test_a_flush_counts_also_when_no_reply_is_open_any_more() -> None:
    line = Line()
    line.hears(event("turn_begin", turn=1), sound(0.5))
    line.waits(1.0)
    assert line.hears(event("flush")) == [Interrupted("", "flush")]
    assert line.hears(sound(0.5)) == []


def test_a_turn_that_is_interrupted_before_its_first_sound_stays_silent() -> None:
    line = Line()
    assert line.hears(event("turn_begin", turn=1), event("flush"), sound(1.0)) == [
        AgentTurnBegan(1),
        Interrupted("", "flush"),
    ]


def test_a_service_that_marks_no_turns_is_heard_again_after_the_caller_spoke_and_a_pause() -> None:
    line = Line()
    line.hears(sound(1.0), event("flush"))
    assert line.hears(sound(0.1), after=5.0) == []
    assert of(CallerTranscript, line.hears(caller("Stop")))
    assert line.hears(sound(0.1), after=0.5) == []
    assert of(ReplyAudio, line.hears(sound(0.1), after=1.1))


@pytest.mark.conforms("O-15")
def test_a_reply_is_cut_to_what_was_spoken() -> None:
    line = Line()
    line.hears(event("turn_begin", turn=1), sound(1.0), said("Once upon a time there was"), event("flush"))
    told = line.hears(event("assistant_interrupted", call_id="call_1", reply="Once upon"))
    assert told == [ReplyTruncated("r1", "Once upon")]


@pytest.mark.conforms("O-15")
@pytest.mark.parametrize("spoken", ["Twice upon", "", "Once upon a time, and more", None, "x" * 500])
def test_a_reply_is_not_cut_to_what_it_does_not_begin_with(spoken: str | None) -> None:
    line = Line()
    line.hears(event("turn_begin", turn=1), said("Once upon a time" if spoken != "x" * 500 else "x" * 600))
    told = line.hears(event("assistant_interrupted", reply=spoken), event("flush"))
    assert [type(each) for each in told] == [Interrupted, ReplyEnded]


def test_our_own_interruption_drops_the_turn_without_a_word_to_the_service() -> None:
    line = Line()
    line.hears(event("turn_begin", turn=1), sound(1.0))
    assert line.client.interrupt(line.now)[0] == Interrupted("r1", "client")
    assert line.client.interrupt(line.now) == []
    assert line.sent() == []
    assert line.hears(sound(1.0), event("flush")) == []


# The caller speaks


def test_the_callers_words_grow_and_are_final_once() -> None:
    line = Line()
    assert line.hears(caller(" "), caller("Hi"), caller(" Eva")) == [
        CallerTranscript("Hi", "c1"),
        CallerTranscript("Hi Eva", "c1"),
    ]
    assert line.hears(event("turn_begin", turn=1)) == [
        CallerTranscript("Hi Eva", "c1", final=True),
        AgentTurnBegan(1),
    ]
    assert line.hears(caller("Next"), after=1.0) == [CallerTranscript("Next", "c2")]


def test_words_right_after_the_agents_turn_began_are_the_tail_of_the_utterance() -> None:
    line = Line()
    line.hears(caller("Hi"), event("turn_begin", turn=1))
    assert line.hears(caller(" Eva"), after=0.1) == [CallerTranscript("Hi Eva", "c1", final=True, amended=True)]
    assert line.hears(caller("So"), after=0.1) == [CallerTranscript("So", "c2")]


def test_blank_words_are_no_utterance() -> None:
    line = Line()
    assert line.hears(caller("  "), event("turn_begin", turn=1)) == [AgentTurnBegan(1)]


def test_the_older_shape_replaces_and_says_itself_what_is_final() -> None:
    line = Line()
    assert line.hears(
        b'\x02{"role":"user","text":"Hi"}',
        b'\x02{"role":"user","text":"Hi Eva","final":true}',
        b'\x02{"role":"user","text":"And","final":false}',
    ) == [
        CallerTranscript("Hi", "c1"),
        CallerTranscript("Hi Eva", "c1", final=True),
        CallerTranscript("And", "c2"),
    ]


def test_the_callers_words_among_the_events_are_taken_as_well() -> None:
    assert Line().hears(event("transcript", role="user", text="Hi", final=True)) == [
        CallerTranscript("Hi", "c1", final=True)
    ]
