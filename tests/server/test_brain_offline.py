"""The brain without a model: what it says, what it asks for, and that it makes nothing up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyai_voice.events import Passage
from pyai_voice.omni_options import Tool
from pyai_voice.server.brain import Message, Prompt, Thought, ToolRequest
from pyai_voice.server.brain.offline import OfflineBrain
from pyai_voice.server.brain.quoting import best_sentence, same

PERSONA = (
    "You are Mia, the receptionist of Dr. Bell's dental clinic. Always be friendly. Never give medical advice. "
    "The clinic opens at nine and closes at five. Parking is free behind the house. You speak with patients only."
)


def tool(name: str, description: str = "", required: tuple[str, ...] = (), /, **properties: Any) -> Tool:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return Tool(name=name, description=description, parameters=schema)


TEXT = {"type": "string"}
ORDER = tool("lookup_order", "Find an order by its number.", ("order_id",), order_id=TEXT)
BOOK = tool(
    "book_appointment",
    "Book an appointment.",
    ("day", "time", "name"),
    day=TEXT,
    time=TEXT,
    name=TEXT,
    people={"type": "integer"},
)
COFFEE = tool("order_coffee", "Order a coffee.", ("size",), size={"type": "string", "enum": ["small", "extra_large"]})
CONTROLS = tuple(tool(name) for name in ("transfer_to_human", "end_call", "play_hold"))
TOOLS = (ORDER, BOOK, COFFEE, *CONTROLS)


def answer(*messages: Message | str, **fields: Any) -> list[Thought]:
    """Return the answer to a conversation; a string is the caller's, between answers of the brain."""
    said: list[Message] = []
    thoughts: list[Thought] = []
    for message in messages:
        said.append(Message("user", message) if isinstance(message, str) else message)
        prompt = Prompt(**{"persona": PERSONA, "messages": tuple(said), "tools": TOOLS, **fields})
        thoughts = asyncio.run(_think(prompt))
        calls = tuple(each for each in thoughts if isinstance(each, ToolRequest))
        said.append(Message("assistant", " ".join(each for each in thoughts if isinstance(each, str)), calls))
    return thoughts


async def _think(prompt: Prompt) -> list[Thought]:
    return [thought async for thought in OfflineBrain().think(prompt)]


def wants(thoughts: list[Thought]) -> dict[str, Any]:
    """Return the arguments of the one tool that is asked for."""
    (request,) = [each for each in thoughts if isinstance(each, ToolRequest)]
    return {request.name: request.arguments}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hello.", "Hello! How can I help you?"),
        ("Good morning!", "Hello! How can I help you?"),
        ("How are you?", "I'm well, thank you. How can I help you?"),
        ("Thank you very much.", "You're welcome."),
        ("Are you a robot?", "I am an automated assistant."),
        ("Who are you?", "I am Mia, the receptionist of Dr. Bell's dental clinic."),
        ("What is your name?", "I am Mia, the receptionist of Dr. Bell's dental clinic."),
        ("When does the clinic open?", "The clinic opens at nine and closes at five."),
        ("Um, hi, is parking free?", "Parking is free behind the house."),
        ("Can I park? Is the parking free?", "Parking is free behind the house."),
        ("What will the weather be on Mars?", "I'm sorry, I don't know that."),
        ("Who won the election?", "I'm sorry, I don't know that."),
        ("Of the.", "Sorry, I did not catch that."),
    ],
)
def test_it_answers_from_the_persona_or_says_that_it_cannot(text: str, said: str) -> None:
    assert answer(text) == [said]


def test_without_a_persona_it_says_what_it_is() -> None:
    assert answer("Who are you?", persona="") == ["I am an automated assistant."]


def test_instructions_are_no_facts_to_tell() -> None:
    assert answer("Do you give medical advice?") == ["I'm sorry, I don't know that."]


def test_it_quotes_the_sentence_of_the_passages_that_fits() -> None:
    passages = (
        Passage("Opening. We are closed on Sundays.", 0.5),
        Passage("Prices. A cleaning costs 80 dollars. A check-up is 40 dollars.", 0.4),
    )
    assert answer("How much is a cleaning?", passages=passages) == ["A cleaning costs 80 dollars."]
    assert answer("Are you closed on Sunday?", passages=passages) == ["We are closed on Sundays."]
    assert answer("Who won the election?", passages=(Passage("We are closed.", 0.2),)) == [
        "I'm sorry, I don't know that."
    ]


def test_it_repeats_itself_when_asked() -> None:
    assert answer("Is parking free?", "Could you say that again?") == ["Parking is free behind the house."]


@pytest.mark.parametrize(
    ("texts", "request_"),
    [
        (("Can you look up order 12?",), {"lookup_order": {"order_id": "12"}}),
        (("Where is my order?", "It's four two seven nine."), {"lookup_order": {"order_id": "4279"}}),
        (("Where is my order?", "I don't have it.", "A-17"), {"lookup_order": {"order_id": "A-17"}}),
        (("I'd like to order an extra large coffee.",), {"order_coffee": {"size": "extra_large"}}),
        (
            ("I would like to book an appointment for tomorrow.", "At three p.m.", "My name is Anna Smith."),
            {"book_appointment": {"day": "tomorrow", "time": "3 pm", "name": "Anna Smith"}},
        ),
        (("Can I talk to a human, please?",), {"transfer_to_human": {}}),
        (("Goodbye.",), {"end_call": {}}),
        (("Hold on.",), {"play_hold": {}}),
    ],
)
def test_tools_are_called_with_what_was_said(texts: tuple[str, ...], request_: dict[str, Any]) -> None:
    thoughts = answer(*texts)
    said = wants(thoughts)
    for name, arguments in request_.items():
        assert arguments.items() <= said[name].items()


def test_an_argument_that_is_missing_is_asked_for_once_more_when_the_answer_is_none() -> None:
    assert answer("Where is my order?") == ["What is the order number?"]
    assert answer("I'd like to order a coffee.") == ["What is the size: small or extra_large?"]
    again = answer("I'd like to order a coffee.", "The blue one.")
    assert again == ["Sorry, I did not catch that. What is the size: small or extra_large?"]


def test_tools_that_the_agent_does_not_have_are_never_called() -> None:
    for text in ("Can I talk to a human?", "Goodbye.", "Where is my order 12?"):
        assert not [each for each in answer(text, tools=()) if isinstance(each, ToolRequest)]


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ('{"status": "shipped", "arrives": "Tuesday"}', "Status: shipped. Arrives: Tuesday."),
        ('{"message": "It is on its way"}', "It is on its way."),
        ('{"open": true, "left": 3, "note": null}', "Open: yes. Left: 3."),
        ('["latte", "mocha"]', "I found latte, mocha."),
        ("[]", "I found nothing."),
        ("{}", "It is done."),
        ("plain words", "plain words."),
    ],
)
def test_results_are_told(result: str, said: str) -> None:
    call = ToolRequest("tc_1", "lookup_order", {"order_id": "12"})
    told = (Message("user", "Order 12?"), Message("assistant", "", (call,)), Message("tool", result, call_id="tc_1"))
    assert answer(*told) == [said]


def test_a_failure_of_a_tool_is_told() -> None:
    failed = Message("tool", "the tool did not answer in time", call_id="tc_1", failed=True)
    assert answer(failed) == ["I'm sorry, that did not work: the tool did not answer in time."]


@given(st.text(max_size=300), st.text(max_size=300))
@settings(max_examples=150, deadline=None)
def test_it_answers_anything_the_same_way_twice_and_only_with_what_is_there(text: str, passage: str) -> None:
    passages = (Passage(passage, 0.9),)
    first = answer(text, passages=passages)
    assert first == answer(text, passages=passages) and len(first) >= 1
    assert all(isinstance(each, ToolRequest) or isinstance(each, str) for each in first)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [("open", "opens", True), ("clean", "cleaning", True), ("price", "prices", True), ("parking", "park", True)]
    + [("order", "border", False), ("a", "an", False), ("car", "carpet", False), ("time", "table", False)],
)
def test_words_are_one_but_for_their_endings(one: str, other: str, alike: bool) -> None:
    assert same(one, other) is same(other, one) is alike


def test_the_first_of_equal_sentences_is_quoted() -> None:
    assert best_sentence("What about coffee?", "- Coffee is hot.\n- Coffee is black.") == (1.0, "Coffee is hot.")
