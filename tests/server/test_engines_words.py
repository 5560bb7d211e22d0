from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyai_voice.server.engines.speakable import speakable, split_sentence
from pyai_voice.server.engines.stability import StablePrefix
from pyai_voice.server.engines.words import TextOptions, drop_fillers, is_finished, write_final

TEXTS = st.text(st.sampled_from("abcdeou ,.?!'-5 \n") | st.characters(codec="utf-8"), max_size=80)


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("Twenty-five people, please.", "25 people, please."),
        ("My code is seven two nine four.", "My code is 7 2 9 4."),
        ("Call zero two oh seven.", "Call 02 07."),
        ("I like that one.", "I like that one."),
        ("Two shots and a twelve ounce cup.", "2 shots and a 12 ounce cup."),
        ("Just a second, please.", "Just a second, please."),
        ("One hundred and five dollars.", "105 dollars."),
    ],
)
def test_numerals(heard: str, written: str) -> None:
    assert write_final(heard, TextOptions(numerals=True)) == written
    assert write_final(heard, TextOptions()) == heard


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("That is twenty dollars and fifty cents.", "That is $20.50."),
        ("It costs ninety five dollars.", "It costs $95."),
        ("Add five percent.", "Add 5%."),
        ("Call five five five, one two three, four five six seven.", "Call 555-123-4567."),
        ("The code is seven two nine four.", "The code is 7294."),
        ("Ring oh two oh, seven nine four six, double-check.", "Ring 0207946, double-check."),
        ("At seven thirty p.m. please.", "At 7:30 pm please."),
        ("Write to bob at example dot com.", "Write to bob@example.com."),
        ("See docs dot example dot org.", "See docs.example.org."),
        ("Nothing to change here.", "Nothing to change here."),
    ],
)
def test_smart_format(heard: str, written: str) -> None:
    assert write_final(heard, TextOptions(smart_format=True)) == written


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("Um, I would like, uh, a tea.", "I would like a tea."),
        ("Uh", ""),
        ("Um. Yes, please.", "Yes, please."),
        ("A tea, um.", "A tea."),
        ("The umbrella is her error.", "The umbrella is her error."),
        ("Mm-hmm, that is right.", "Mm-hmm, that is right."),
    ],
)
def test_fillers(heard: str, written: str) -> None:
    assert drop_fillers(heard) == written


@given(TEXTS)
def test_any_text_can_be_written(text: str) -> None:
    written = write_final(text, TextOptions(numerals=True, smart_format=True, drop_fillers=True))
    assert not re.search(r"(?i)(?<![\w'-])(um|uh)(?![\w'-])", written)


@pytest.mark.parametrize("text", ["Yes.", "Can you help me?", "A large mocha."])
def test_finished(text: str) -> None:
    assert is_finished(text)


@pytest.mark.parametrize(
    "text", ["", "I would like a.", "My number is", "Tell me the um.", "Because.", "a large mocha"]
)
def test_unfinished(text: str) -> None:
    assert not is_finished(text)


@given(st.lists(st.lists(st.sampled_from(["I", "would,", "would", "like", "a", "mocha."]), max_size=6), max_size=8))
def test_a_stable_prefix_is_never_taken_back(readings: list[list[str]]) -> None:
    prefix, last = StablePrefix(), ""
    for words in readings:
        text, stable = prefix.update(" ".join(words))
        assert text.startswith(stable)
        assert stable.startswith(last)
        last = stable


def test_a_word_is_stable_when_two_readings_agree_and_it_is_not_the_last() -> None:
    prefix = StablePrefix()
    assert prefix.update("I would.") == ("I would.", "")
    assert prefix.update("I would like a.") == ("I would like a.", "I")
    assert prefix.update("I would like a lot") == ("I would like a lot", "I would like")
    assert prefix.update("A wood") == ("I would like", "I would like")


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Call 020 7946 0102.", "Call zero two zero, seven nine four six, zero one zero two."),
        ("Call +1 (555) 010-4477.", "Call plus one, five five five, zero one zero, four four seven seven."),
        ("Go to www.example.com/docs today.", "Go to double-u double-u double-u dot example dot com slash docs today."),
        ("Mail bob.smith@example.com.", "Mail bob dot smith at example dot com."),
        ("Order X1B2C3 is ready.", "Order X one B two C three is ready."),
        ("Use SKU-99.", "Use SKU, 99."),
        ("Your id is 48291.", "Your id is four eight two nine one."),
        ("Your code is 4921.", "Your code is four nine two one."),
        ("Dial 911.", "Dial nine one one."),
        ("On 2024-11-21.", "On November 21, 2024."),
    ],
)
def test_what_is_read_badly_is_written_out(written: str, spoken: str) -> None:
    assert speakable(written) == spoken


@pytest.mark.parametrize(
    "text",
    [
        "It costs $9.99 or £4.50.",
        "In 1984, 1,250 people came at 7:30 pm.",
        "The 3rd of March 2024.",
        "12oz or 5 kg, 5%.",
        "Room 12B.",
    ],
)
def test_what_is_read_well_is_left_alone(text: str) -> None:
    assert speakable(text) == text


@given(TEXTS)
def test_any_text_can_be_spoken(text: str) -> None:
    assert not re.search(r"(?<![\w.,$£€])\d{5,}(?![\w%.,])", speakable(text))


PIECES = st.sampled_from(["one", "two,", "three;", "and so on", "twenty letters long:", "x" * 400])


@given(st.lists(PIECES, max_size=60), st.booleans())
def test_splitting_keeps_every_letter_and_no_part_is_long(words: list[str], first: bool) -> None:
    sentence = " ".join(words)
    parts = split_sentence(sentence, first=first)
    assert "".join(parts).replace(" ", "") == sentence.replace(" ", "")
    assert all(0 < len(part) <= 300 for part in parts)


def test_a_long_first_sentence_is_cut_at_a_pause() -> None:
    sentence = "When you come to the end of the road, turn left, and then follow the signs to the old harbour."
    assert split_sentence(sentence, first=True)[0] == "When you come to the end of the road,"
    assert split_sentence(sentence, first=False) == [sentence]
    assert split_sentence("Yes, of course.", first=True) == ["Yes, of course."]


@pytest.mark.parametrize("part", ["a", "a.", "1 ", "-", "A-", "1-", "a@", "http://a.", "www.", "é", "(1)"])
def test_a_text_of_any_shape_is_read_in_linear_time(part: str) -> None:
    assert speakable(part * 100_000)  # quadratic time would run into the time-out
