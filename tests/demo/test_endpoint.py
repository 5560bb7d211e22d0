"""The brain behind the OpenAI API, asked by the real OpenAI client."""

from __future__ import annotations

import json

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from demo.brain.server import MODEL

ORDER: list[ChatCompletionMessageParam] = [
    {"role": "system", "content": "You are the barista."},
    {"role": "assistant", "content": "Hello! What can I get you?"},
    {"role": "user", "content": "A large latte."},
]
REPLY = "A large latte. Is that right?"


@pytest.fixture
async def client(brain: str) -> openai.AsyncOpenAI:
    """Give a client made as every framework makes it: from the environment."""
    return openai.AsyncOpenAI(max_retries=0, timeout=10)


async def test_lists_its_model(client: openai.AsyncOpenAI) -> None:
    async with client:
        assert [model.id async for model in client.models.list()] == [MODEL]


async def test_answers_whole(client: openai.AsyncOpenAI) -> None:
    async with client:
        answer = await client.chat.completions.create(model="any-model", messages=ORDER)
    assert answer.choices[0].message.content == REPLY
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == MODEL
    assert answer.usage and answer.usage.total_tokens > answer.usage.completion_tokens == 6


@pytest.mark.parametrize("role", ["system", "developer"])
async def test_answers_from_guidance_right_before_the_last_message(client: openai.AsyncOpenAI, role: str) -> None:
    question = {"role": "user", "content": "Is there wifi?"}
    guidance = {"role": role, "content": "- The wifi is free."}
    async with client:
        answers = [
            (await client.chat.completions.create(model="m", messages=messages)).choices[0].message.content or ""  # pyright: ignore[reportArgumentType] - the role is a parameter
            for messages in ([*ORDER, guidance, question], [*ORDER, question, guidance], [guidance, question])
        ]
    assert [answer.startswith("The wifi is free.") for answer in answers] == [True, False, False]


async def test_streams_the_same_answer_word_by_word_with_usage(client: openai.AsyncOpenAI) -> None:
    async with client:
        stream = await client.chat.completions.create(
            model="any-model", messages=ORDER, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    pieces = [choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content]
    assert "".join(pieces) == REPLY
    assert len(pieces) == 6
    assert chunks[-1].usage and chunks[-1].usage.completion_tokens == 6


async def test_remembers_nothing_between_requests_and_everything_within_one(client: openai.AsyncOpenAI) -> None:
    parts: list[ChatCompletionMessageParam] = [
        {"role": "user", "content": [{"type": "text", "text": "A latte"}, {"type": "text", "text": "please"}]},
        {"role": "user", "content": "large"},
    ]
    async with client:
        await client.chat.completions.create(model="m", messages=ORDER)
        alone = await client.chat.completions.create(model="m", messages=parts[1:])
        whole = await client.chat.completions.create(model="m", messages=parts)
    assert "drink" in (alone.choices[0].message.content or "")
    assert whole.choices[0].message.content == REPLY


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"messages": []}', b'{"messages": [{"role": "user", "content": 3}]}']
)
async def test_refuses_nonsense_in_the_form_that_openai_uses(brain: str, body: bytes) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{brain}/chat/completions", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert answer.json()["error"]["message"]


CONFIRMED: list[ChatCompletionMessageParam] = [
    *ORDER,
    {"role": "assistant", "content": REPLY},
    {"role": "user", "content": "Yes, thank you."},
]
PLACE_ORDER: ChatCompletionToolParam = {"type": "function", "function": {"name": "place_order"}}


async def test_places_a_confirmed_order_with_the_tool(client: openai.AsyncOpenAI) -> None:
    async with client:
        answer = await client.chat.completions.create(model="m", messages=CONFIRMED, tools=[PLACE_ORDER])
        early = await client.chat.completions.create(model="m", messages=ORDER, tools=[PLACE_ORDER])
        alone = await client.chat.completions.create(model="m", messages=CONFIRMED)
    (call,) = answer.choices[0].message.tool_calls or ()
    assert call.type == "function"
    assert (call.function.name, json.loads(call.function.arguments)) == ("place_order", {"order": "a large latte"})
    assert answer.choices[0].finish_reason == "tool_calls"
    assert not early.choices[0].message.tool_calls
    assert alone.choices[0].message.content == "Thank you, coming right up!"


async def test_streams_a_tool_call(client: openai.AsyncOpenAI) -> None:
    async with client:
        stream = await client.chat.completions.create(model="m", messages=CONFIRMED, tools=[PLACE_ORDER], stream=True)
        choices = [chunk.choices[0] async for chunk in stream]
    (call,) = [each for choice in choices for each in choice.delta.tool_calls or ()]
    assert call.function and json.loads(call.function.arguments or "") == {"order": "a large latte"}
    assert choices[-1].finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ('{"number": 17}', "order number 17"),
        ("Order number 17: a large latte", "order number 17"),
        ('{"error": "closed"}', "could not place"),
    ],
)
async def test_says_what_the_tool_gave(client: openai.AsyncOpenAI, result: str, said: str) -> None:
    called: list[ChatCompletionMessageParam] = [
        *CONFIRMED,
        {
            "role": "assistant",
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "place_order", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "1", "content": result},
    ]
    async with client:
        answer = await client.chat.completions.create(model="m", messages=called, tools=[PLACE_ORDER])
    assert said in (answer.choices[0].message.content or "")
