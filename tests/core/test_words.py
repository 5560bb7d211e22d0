"""What is said of words without a model."""

from __future__ import annotations

import pytest

from pyai_voice.words import has_more_to_say, is_finished, same_words


@pytest.mark.parametrize("text", ["I want a latte.", "Can you see?!", "Thank you.", "Go there. ", "."])
def test_whole_sentences_are_finished(text: str) -> None:
    assert is_finished(text)


@pytest.mark.parametrize("text", ["", "  ", "I want a latte", "I want a.", "Tell me the um.", "You.", "So I..."])
def test_others_are_not(text: str) -> None:
    assert not is_finished(text)


@pytest.mark.parametrize("text", ["", "I want a", "and", "I would like to,", "um", "see you"])
def test_some_words_want_another(text: str) -> None:
    assert has_more_to_say(text)


@pytest.mark.parametrize("text", ["latte", "thank you", "two, please"])
def test_most_words_do_not(text: str) -> None:
    assert not has_more_to_say(text)


def test_case_spaces_and_punctuation_make_no_other_words() -> None:
    assert same_words("what is your refund policy", "What is your refund-policy?")
    assert not same_words("one", "one two")
