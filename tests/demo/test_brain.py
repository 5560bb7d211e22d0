"""The offline brain: what it reads out of a sentence, what it answers, and that nothing upsets it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.brain.knowledge import answer
from demo.brain.menu import AMOUNTS, MENU
from demo.brain.order import Order, read
from demo.brain.reply import Stage, converse

CHOICES = {slot: st.none() | st.sampled_from(sorted(choices)) for slot, choices in MENU.items()}
AMOUNT = st.sampled_from(["", *(f"{amount} " for amount in AMOUNTS)])


def with_amount(choice: st.SearchStrategy[str | None]) -> st.SearchStrategy[str | None]:
    return st.builds(lambda amount, value: value and amount + value, AMOUNT, choice)


ORDERS = st.builds(Order, **{**CHOICES, "milk": with_amount(CHOICES["milk"]), "sugar": with_amount(CHOICES["sugar"])})
FULL_ORDERS = ORDERS.filter(lambda order: order.drink is not None)
SENTENCES = st.lists(st.text(max_size=80) | FULL_ORDERS.map(str) | st.sampled_from(["yes", "no", "cancel", "bye"]))


@given(FULL_ORDERS)
def test_an_order_said_back_is_read_as_the_same_order(order: Order) -> None:
    assert read(str(order)) == order


@given(ORDERS, ORDERS)
def test_saying_the_same_again_changes_nothing(first: Order, later: Order) -> None:
    merged = first.merge(later)
    assert merged.merge(later) == merged
    assert merged.merge(Order()) == merged


@given(ORDERS, ORDERS)
def test_what_is_said_later_counts(first: Order, later: Order) -> None:
    assert first.merge(later).named() == {**first.named(), **later.named()}


@given(SENTENCES)
def test_any_conversation_gets_an_answer_and_always_the_same(sentences: list[str]) -> None:
    conversation = converse(sentences)
    assert conversation.reply.strip()
    assert converse(sentences) == conversation


@given(st.text(max_size=5000))
def test_any_text_gives_choices_of_the_menu_only(text: str) -> None:
    order = read(text)
    for slot, value in order.named().items():
        assert any(value.endswith(choice) for choice in MENU[slot])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("A small mocker with skin milk, please.", Order(drink="mocha", size="small", milk="skim milk")),
        ("Can I have a cap a chino?", Order(drink="cappuccino")),
        ("a merry cano, big one", Order(drink="americano", size="large")),
        ("medium espresso, medium roast", Order(drink="espresso", size="medium", roast="medium roast")),
        ("12 oz latte, two shots", Order(drink="latte", size="twelve ounce", shots="double shot")),
        ("a sixteen-ounce ice coffee", Order(drink="iced coffee", size="sixteen ounce")),
        ("not a latte, a mocha", Order(drink="mocha")),
        ("an expresso without any sugar", Order(drink="espresso", sugar="no sugar")),
        ("Hi, Alate please", Order(drink="latte")),
        ("Make it light", Order()),
        ("oak milk", Order(milk="oat milk")),
        ("I would love a nice coffee", Order(drink="coffee")),
        ("ask not what your country can do for you", Order()),
        ("Good morning, how are you today?", Order()),
        ("", Order()),
    ],
)
def test_reads(said: str, expected: Order) -> None:
    assert read(said) == expected


def replies(*sentences: str) -> list[str]:
    return [converse(sentences[: number + 1]).reply for number in range(len(sentences))]


def test_repeats_asks_for_what_is_missing_and_confirms() -> None:
    first, second, third = replies("I'd like a latte with a double shot", "Large, and some oat milk", "Yes, thank you")
    assert first.startswith("A latte with a double shot.")
    assert "size" in first
    assert second == "A large latte with a double shot and some oat milk. Is that right?"
    assert third == "Thank you, coming right up!"


def test_asks_for_the_drink_when_only_the_rest_is_known() -> None:
    assert "What would you like to drink?" in replies("Large, with sugar")[0]


def test_takes_a_correction() -> None:
    *_, asked, changed, confirmed = replies("a small mocha", "No, that is wrong", "Make it large", "perfect")
    assert asked == "What would you like to change?"
    assert changed == "A large mocha. Is that right?"
    assert confirmed.startswith("Thank you")


def test_changes_nothing_when_the_caller_thinks_better_of_it() -> None:
    assert replies("a small mocha", "No", "No, all is good")[-1].startswith("Thank you")


def test_cancels() -> None:
    conversation = converse(["a small mocha", "Oh, forget it"])
    assert conversation.order == Order()
    assert "cancelled" in conversation.reply


def test_a_drink_after_a_finished_order_is_a_new_order() -> None:
    done = ["a small mocha", "yes"]
    assert converse([*done, "and a large latte"]).order == Order(drink="latte", size="large")
    assert converse([*done, "make it large"]).order == Order(drink="mocha", size="large")


def test_says_goodbye() -> None:
    assert "Goodbye" in replies("a small mocha", "yes", "thanks, bye")[-1]


@pytest.mark.parametrize(
    ("said", "expected"),
    [("Hello", "Hello!"), ("What do you have?", "We have"), ("zzz", "Sorry")],
)
@pytest.mark.parametrize("before", [(), ("a latte",), ("a large latte",), ("a large latte", "no")])
def test_small_talk_comes_back_to_the_open_question(before: tuple[str, ...], said: str, expected: str) -> None:
    conversation = converse([*before, said])
    assert conversation.reply.startswith(expected)
    assert conversation.stage is converse(before).stage
    assert conversation.order == converse(before).order


def test_thanks_before_the_end_do_not_end_the_order() -> None:
    assert converse(["a latte", "Thanks"]).reply.startswith("Thank you. What size:")


def test_waits_for_nothing_after_the_confirmation() -> None:
    assert converse(["a small mocha", "yes"]).stage is Stage.NOTHING


PASSAGES = """Use these.
- On Sundays we are open from nine in the morning until two in the afternoon.
- The wifi is called Bean Street, and its password is flatwhite. Ask us if it fails.
- Dogs are welcome on the terrace.
"""


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("When are you open on Sunday?", "On Sundays we are open from nine in the morning until two in the afternoon."),
        ("And what's the password of the wifi?", "The wifi is called Bean Street, and its password is flatwhite."),
        ("Can I bring my dog?", "Dogs are welcome on the terrace."),
        ("Do you have a car park?", "Sorry, I did not catch that."),
        ("A small mocha", "A small mocha."),
        ("Large, and I love dogs", "A large latte."),
    ],
)
def test_answers_from_the_passages_and_from_nothing_else(asked: str, expected: str) -> None:
    before = ["a large latte", "yes"]
    assert converse([*before, asked], PASSAGES).reply.startswith(expected)
    assert "Sunday" not in converse([*before, asked]).reply


def test_passages_are_for_the_last_sentence_only() -> None:
    assert converse(["When are you open on Sunday?", "a latte"], PASSAGES).reply == converse(["zzz", "a latte"]).reply


@given(st.text(max_size=200), st.text(max_size=500))
def test_any_passages_give_an_answer_or_none(question: str, passages: str) -> None:
    fact = answer(question, passages)
    assert fact is None or (fact and fact in passages)
