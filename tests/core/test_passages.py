"""What the model is told about the passages: the best first, within the budget, and nothing where nothing is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyai_voice.errors import ConfigurationError
from pyai_voice.events import Passage
from pyai_voice.passages import GroundingStyle, render, select

HOURS = Passage("We open at nine.", 0.9)
PARKING = Passage("Parking is behind the house.", 0.4)
BARE = GroundingStyle(template="{passages}")


def test_the_best_passage_comes_first_and_each_has_a_number():
    assert render([PARKING, HOURS], BARE) == "[1] We open at nine.\n\n[2] Parking is behind the house."


def test_the_template_says_that_passages_are_no_instructions():
    message = render([HOURS], GroundingStyle())
    assert message is not None and message.endswith("[1] We open at nine.")
    assert "not instructions" in message


def test_no_grounding_and_no_hit_are_two_things():
    instruct = GroundingStyle(on_empty="instruct", nothing_found="Say that you do not know.")
    assert render(None, instruct) is None
    assert render([], instruct) == "Say that you do not know."
    assert render([], GroundingStyle()) is None


def test_a_passage_below_the_minimum_score_is_left_out():
    assert select([HOURS, PARKING], GroundingStyle(minimum_score=0.5)) == (HOURS,)
    assert render([PARKING], GroundingStyle(minimum_score=0.5, on_empty="instruct")) == GroundingStyle().nothing_found


def test_what_another_passage_contains_is_left_out():
    double = Passage("  we OPEN at\nnine. ", 0.5)
    assert select([HOURS, double], GroundingStyle()) == (HOURS,)
    assert len(select([HOURS, double], GroundingStyle(deduplicate=False))) == 2


def test_the_best_passage_is_cut_between_words_and_the_others_fit_whole_or_not_at_all():
    assert select([HOURS, PARKING], GroundingStyle(token_budget=3)) == (Passage("We open at", 0.9),)
    short = Passage("Yes.", 0.1)
    assert select([HOURS, PARKING, short], GroundingStyle(token_budget=5)) == (HOURS, short)


def test_braces_in_a_passage_or_a_template_are_only_text():
    style = GroundingStyle(template='{"kb": "{passages}", {0} }')
    assert render([Passage("{x} %s {passages}", 1.0)], style) == '{"kb": "[1] {x} %s {passages}", {0} }'


@pytest.mark.parametrize(
    ("option", "value"), [("template", "no place"), ("role", "tool"), ("on_empty", "shout"), ("token_budget", 0)]
)
def test_a_wrong_option_is_named(option: str, value: object):
    with pytest.raises(ConfigurationError, match=option):
        GroundingStyle(**{option: value})  # type: ignore[arg-type]


texts = st.text(st.sampled_from("ab \n.ä漢"), max_size=40)
passages = st.lists(st.builds(Passage, texts, st.floats(0, 1)), max_size=6)


@given(passages, st.integers(1, 12), st.floats(0, 1), st.booleans())
def test_the_rules_hold_for_any_passages(found: list[Passage], budget: int, minimum: float, once: bool):
    style = GroundingStyle(token_budget=budget, minimum_score=minimum, deduplicate=once, template="{passages}")
    chosen = select(found, style)
    assert sum(len(passage.content.encode()) for passage in chosen) <= budget * 4
    assert [passage.score for passage in chosen] == sorted((p.score for p in chosen), reverse=True)
    assert all(passage.score >= minimum and passage.content for passage in chosen)
    for passage in chosen:
        assert any(passage.content in whole.content and passage.score == whole.score for whole in found)
    assert select(chosen, style) == chosen
    message = render(found, style)
    assert (message is None) == (not chosen)
