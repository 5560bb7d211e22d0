"""The small machines under a conversation: sentences, what was heard, deltas, history, signs of listening."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyai_voice.server.brain import Message, ToolRequest
from pyai_voice.server.omni.backchannel import is_backchannel, is_question
from pyai_voice.server.omni.deltas import Deltas
from pyai_voice.server.omni.fact_queue import FactQueue
from pyai_voice.server.omni.facts import AgentAudio, AgentWords, Ended, Interrupted, TurnBegan
from pyai_voice.server.omni.habits import Habits
from pyai_voice.server.omni.history import AgentEntry, History, ToolEntry
from pyai_voice.server.omni.pulse import Pulse
from pyai_voice.server.omni.sentences import SentenceCutter
from pyai_voice.server.omni.spoken import Playback, Sound, SpokenText, Words
from pyai_voice.server.omni.voice_watch import sensitivity


def cut(*pieces: str) -> list[str]:
    cutter = SentenceCutter()
    return [sentence for piece in pieces for sentence in cutter.feed(piece)] + cutter.flush()


# Sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One.", " Two!", " Three?"]),
        ("Dr. Bell is in at 3 p.m. today. Yes.", ["Dr. Bell is in at 3 p.m. today.", " Yes."]),
        ("It costs 3.50 dollars. Fine.", ["It costs 3.50 dollars.", " Fine."]),
        ("**Bold** and `code` and [a link](https://x.example/y).", ["Bold and code and a link."]),
        ("# Title\n- one\n- two", ["Title", " one", " two"]),
        ("Hi \U0001f600 there.", ["Hi there."]),
        ("<think>I should lie. No.</think>The truth.", ["The truth."]),
        ('Wait. <tool_call>{"name": "look"}</tool_call> Here.', ["Wait.", " Here."]),
        ("Look: ```python\nprint(1)\n``` Done.", ["Look: Done."]),
        ("<think>never closed. At all.", []),
        ("...", []),
        ("", []),
        ('She said "Stop." Then she left.', ['She said "Stop."', " Then she left."]),
    ],
)
def test_sentences_are_cut_and_what_is_not_for_the_ear_is_left_out(text: str, sentences: list[str]) -> None:
    assert cut(text) == sentences
    assert cut(*text) == sentences  # letter by letter


def test_a_sentence_goes_out_as_soon_as_it_is_complete() -> None:
    cutter = SentenceCutter()
    assert cutter.feed("Yes, I do.") == []  # it may be the beginning of 10.5
    assert cutter.feed(" And") == ["Yes, I do."]
    assert cutter.flush() == [" And"]


def test_a_long_first_sentence_begins_at_its_first_good_pause() -> None:
    pieces = cut("If you come by before the end of the day tomorrow, we can have a look at it, and mend it.")
    assert pieces[0] == "If you come by before the end of the day tomorrow," and len(pieces) == 2


@given(st.text(alphabet=st.sampled_from("ab1. !?\n*<>`-,"), max_size=400), st.lists(st.integers(1, 40), max_size=40))
def test_the_pieces_do_not_matter_for_what_is_said(text: str, sizes: list[int]) -> None:
    pieces, rest = list[str](), text
    for size in sizes:
        pieces, rest = [*pieces, rest[:size]], rest[size:]
    said = "".join(cut(*pieces, rest))
    letters = [*filter(str.isalnum, text)]
    assert [*filter(str.isalnum, said)] == letters or "<" in text or "`" in text
    assert all(len(each) <= 310 for each in cut(*pieces, rest))


# What was heard


def sound(seconds: float) -> Sound:
    return Sound(bytes(round(seconds * 24000) * 2), seconds)


def spoken(*sentences: tuple[str, float]) -> SpokenText:
    made = SpokenText()
    for text, seconds in sentences:
        made.add(Words(text, seconds, whole=True))
        for _ in range(round(seconds * 10)):
            made.add(sound(0.1))
    return made


def test_whole_words_up_to_a_position_were_heard() -> None:
    text = spoken(("One two three four.", 2.0), (" Five six.", 1.0))
    assert text.text == "One two three four. Five six." and text.seconds == pytest.approx(3.0)
    assert text.heard(0.0) == ""
    assert text.heard(1.0) == "One two"
    assert text.heard(2.0) == "One two three four."
    assert text.heard(2.6) == "One two three four. Five"
    assert text.heard(9.0) == text.text


def test_a_sentence_that_is_still_being_made_is_estimated_by_its_length() -> None:
    text = SpokenText()
    text.add(Words("a" * 10 + " " + "b" * 59, 0.5))
    text.add(sound(0.5))
    assert text.heard(0.5) == ""  # 70 characters take 5 seconds
    assert text.heard(1.0) == "a" * 10


@given(st.lists(st.tuples(st.text("abc ", min_size=1, max_size=20), st.integers(0, 20)), max_size=6), st.floats(0, 12))
def test_what_was_heard_and_the_rest_are_the_whole(parts: list[tuple[str, int]], seconds: float) -> None:
    text = spoken(*((words, tenths / 10) for words, tenths in parts))
    heard = text.heard(seconds)
    assert text.text.startswith(heard) and heard in text.heard(seconds + 1)
    rest = text.rest(seconds)
    assert sum(piece.seconds for piece in rest if isinstance(piece, Sound)) <= text.seconds + 1e-6


def test_playback_counts_what_has_not_been_played() -> None:
    playback = Playback()
    playback.hand_out(1.0, 10.0)
    playback.hand_out(0.5, 10.2)
    assert playback.ahead(10.5) == pytest.approx(1.0)
    playback.hand_out(0.1, 20.0)  # it had run dry
    assert playback.ahead(20.0) == pytest.approx(0.1)
    playback.stop(20.0)
    assert playback.ahead(20.0) == 0


# Deltas


def told(deltas: Deltas, *readings: str, step: float = 0.25, begin: float = 0.0) -> list[str]:
    return [deltas.partial(reading, begin + number * step) for number, reading in enumerate(readings)]


def test_words_are_told_once_and_never_taken_back() -> None:
    deltas = Deltas()
    readings = ("A want", "I want a", "I want a", "I want, a large", "I want a large tea", "I want a large tea")
    assert told(deltas, *readings) == ["", "", "", "I want,", "", " a"]
    assert deltas.final("I want a large tea.") == " large tea."
    assert told(deltas, "Please now", begin=5.0) == [""]
    assert deltas.final("Please.") == " Please."  # the same turn goes on
    deltas.turn()
    assert deltas.final("Yes.") == "Yes."
    assert deltas.final("") == ""


def test_a_word_waits_for_the_readings_of_a_span_of_sound_however_many_there_are() -> None:
    assert told(Deltas(), "One two", "One two", step=0.5) == ["", "One"]
    assert told(Deltas(), "One two", "One two", "One two", "One two", step=0.16) == ["", "", "", "One"]
    assert told(Deltas(), "One two", "A two", *["One two"] * 3, step=0.3) == ["", "", "", "", "One"]
    assert told(Deltas(), *["One"] * 9) == [""] * 9  # may be half a word


@pytest.mark.parametrize(
    ("said", "final", "rest"),
    [
        ("I would like to go now", "I'd like to go now, please.", " now, please."),  # a word fewer
        ("A latte with milk and", "I'd have a latte with milk, please.", " please."),  # two more
        ("Four two now", "Forty two. Now!", " Now!"),
        ("Not any of it", "Something else.", ""),
    ],
)
def test_the_final_text_goes_on_where_what_was_told_fits_best(said: str, final: str, rest: str) -> None:
    deltas = Deltas()
    assert told(deltas, said, said, step=1.0) == ["", said.rpartition(" ")[0]]
    assert deltas.final(final) == rest


WORDS = st.lists(st.sampled_from("a b c".split()), max_size=8).map(" ".join)


@given(st.lists(WORDS, max_size=8), WORDS)
def test_what_is_told_ends_with_the_end_of_the_final_text(readings: list[str], final: str) -> None:
    deltas = Deltas()
    before = "".join(told(deltas, *readings))
    rest = deltas.final(final)
    assert final.endswith(rest.strip()) and "  " not in before + rest
    if final.split()[: len(before.split())] == before.split():
        assert before + rest == final


# History


def test_the_answer_of_a_tool_goes_to_its_question() -> None:
    history = History()
    history.add(Message("user", "Where?"))
    entry = AgentEntry("Wait.", [ToolEntry(ToolRequest("tc_1", "look", {}))])
    history.append(entry)
    history.add(Message("user", "Hello?"))
    assert [each.text for each in history.messages()] == ["Where?", "Wait.", "There is no answer yet.", "Hello?"]
    history.add(Message("tool", "There.", call_id="tc_1"))
    assert [each.text for each in history.messages()] == ["Where?", "Wait.", "There.", "Hello?"]


def test_what_was_not_heard_is_not_in_the_history() -> None:
    history, entry = History(), AgentEntry("A long answer.")
    history.append(entry)
    entry.cut("A long")
    assert [each.text for each in history.messages()] == ["A long -"]
    entry.cut("")
    assert history.messages() == ()


def test_only_the_newest_entries_fit() -> None:
    history = History()
    for number in range(300):
        history.add(Message("user", f"{number} " + "x" * 500))
    messages = history.messages()
    assert 40 <= len(messages) <= 48 and messages[-1].text.startswith("299 ")


# Signs


@pytest.mark.parametrize("text", ["Uh-huh.", "Mm-hmm.", "Yeah.", "Okay, okay.", "I see.", "Got it.", "Oh wow."])
def test_signs_of_listening(text: str) -> None:
    assert is_backchannel(text)


@pytest.mark.parametrize("text", ["", "No.", "Stop.", "Okay, but when?", "Yes, yes, yes, okay.", "Wait."])
def test_what_wants_an_answer(text: str) -> None:
    assert not is_backchannel(text)


def test_questions() -> None:
    assert is_question('Is it "right?"') and is_question("Really? ") and not is_question("Yes. No.")


@pytest.mark.parametrize(
    ("said", "seconds", "level"),
    [("low", 0.25, 0), ("normal", 0.075, 0), ("high", 0.05, 0), (-20, 0.075, 3277), (-200, 0.075, 0)]
    + [("odd", 0.075, 0), (True, 0.075, 0), (None, 0.075, 0)],
)
def test_sensitivities(said: object, seconds: float, level: int) -> None:
    read = sensitivity(said)
    assert (read.seconds, read.level) == (seconds, level)


# The clock and the queue


def test_keys_are_complete_after_a_pause_or_a_hash() -> None:
    pulse = Pulse(0.0)
    pulse.press("1", 0.0)
    assert pulse.keys(1.4) == ""
    pulse.press("2", 1.4)
    assert pulse.keys(2.8) == "" and pulse.keys(2.9) == "12" and pulse.keys(3.0) == ""
    pulse.press("3#", 4.0)
    assert pulse.keys(4.0) == "3#"
    pulse.press("9" * 100, 5.0)
    assert len(pulse.keys(9.0)) == 64


def test_the_end_of_a_call() -> None:
    pulse, habits = Pulse(0.0), Habits(longest_call=100.0)
    assert pulse.over(99.0, habits) is None and pulse.over(100.0, habits) == "time_limit"
    pulse.hang_up(50.0)
    assert pulse.over(52.0, habits) is None and pulse.over(53.0, habits) == "agent"


async def test_an_interruption_takes_unread_words_and_sound_out_of_the_queue() -> None:
    queue = FactQueue()
    facts = [TurnBegan("r1", 1, "caller"), AgentWords("r1", "Hi."), AgentAudio("r1", b""), AgentAudio("r2", b"")]
    for fact in facts:
        queue.put(fact)
    queue.drop("r1")
    cut_ = Interrupted("r1", "caller", "", 0.0)
    queue.put(cut_)
    queue.put(Ended("closed"))
    queue.put(AgentAudio("r3", b""))  # nothing comes after the end
    assert [await queue.take() for _ in range(5)] == [facts[0], facts[3], cut_, Ended("closed"), None]


async def test_a_queue_that_nobody_reads_ends() -> None:
    queue = FactQueue()
    for _ in range(5000):
        queue.put(AgentAudio("r1", b""))
    assert await queue.take() == Ended("closed") and await queue.take() is None
