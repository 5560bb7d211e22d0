"""Custom LLM over real sockets: what goes to the model, what comes back piece by piece, and how the model may fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI, InternalServerError

from pyai_voice.errors import ConfigurationError
from tests.core.scripted_http import Peer, Reply, Scripted, answering, hang, hang_up, scripted
from tests.plugins.vapi.vapi_house import CALL, SECRET, House, Lines, house
from vapi_pyai import Access, ChatModel, Token, VapiOptions

KEY = "sk-model_canary_0123456789"
TOOL = {"type": "function", "function": {"name": "transferCall", "parameters": {"type": "object", "properties": {}}}}
CHUNKS = [
    b'data: {"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Two "},"odd":1}]}\n\n',
    b'data: {"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"euros."}}]}\n\n',
    b"data: [DONE]\n\n",
]


def asking(**more: Any) -> dict[str, Any]:
    """As Vapi asks, its own fields beside OpenAI's."""
    return {
        "model": "gpt-4o",
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "What does it cost?"}],
        "temperature": 0.7,
        "max_tokens": 250,
        "tools": [TOOL],
        "stream": True,
        "call": {"id": CALL},
        "metadata": {"plan": "gold"},
        "phoneNumber": {"number": "+1"},
        "customer": {"number": "+2"},
        "store": True,
        **more,
    }


@asynccontextmanager
async def answered(
    *replies: Reply, options: VapiOptions | None = None, name: str = "", silence: float = 30.0
) -> AsyncGenerator[tuple[House, Scripted]]:
    async with scripted(*replies) as server:
        model = ChatModel(f"http://127.0.0.1:{server.port}/v1", KEY, name, silence=silence)
        access = Access(Token(SECRET), Token.bearer(SECRET))
        async with aclosing(model), house(options, model=model, access=access) as there:
            yield there, server


async def stream(peer: Peer) -> None:
    await peer.head(content_type="text/event-stream")
    for chunk in CHUNKS:
        await peer.chunk(chunk)
    await peer.end()


async def ask(there: House, **more: Any) -> httpx.Response:
    return await there.http.post("/llm/chat/completions", json=asking(**more))


async def test_the_answer_comes_byte_for_byte_and_vapis_own_fields_go_no_further(log: Lines) -> None:
    async with answered(stream) as (there, model):
        response = await ask(there)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream"
    assert response.content == b"".join(CHUNKS)
    (sent,) = model.requests
    wanted = {"model", "messages", "temperature", "max_tokens", "tools", "stream"}
    assert sent.json == {name: value for name, value in asking().items() if name in wanted}
    assert sent.target == "/v1/chat/completions"
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    (line,) = log.lines
    assert line.startswith(f"llm 200, {len(response.content)} bytes")


async def test_openais_own_client_reads_it_as_vapi_does() -> None:
    async with answered(stream) as (there, _):
        async with AsyncOpenAI(base_url=f"{there.url}/llm", api_key=SECRET, max_retries=0) as client:
            chunks = await client.chat.completions.create(
                model="gpt-4o", messages=[{"role": "user", "content": "Hello"}], stream=True
            )
            words = [chunk.choices[0].delta.content async for chunk in chunks]
    assert words == ["Two ", "euros."]


async def test_each_piece_leaves_when_it_is_there() -> None:
    seen = asyncio.Event()

    async def slowly(peer: Peer) -> None:
        await peer.head(content_type="text/event-stream")
        await peer.chunk(CHUNKS[0])
        await seen.wait()
        await peer.chunk(CHUNKS[2])
        await peer.end()

    async with answered(slowly) as (there, _), asyncio.timeout(20):
        async with there.http.stream("POST", "/llm/chat/completions", json=asking()) as response:
            pieces = response.aiter_raw()
            assert await anext(pieces) == CHUNKS[0]
            seen.set()
            assert await anext(pieces) == CHUNKS[2]


async def test_the_model_of_the_operator_stands_before_the_assistants() -> None:
    async with answered(stream, name="llama") as (there, model):
        await ask(there)
    assert model.requests[0].json["model"] == "llama"


async def test_a_whole_answer_is_json() -> None:
    async with answered(answering(200, {"choices": []})) as (there, model):
        response = await ask(there, stream=False)
    assert (response.json(), response.headers["content-type"]) == ({"choices": []}, "application/json")
    assert model.requests[0].json["stream"] is False


async def test_while_the_first_word_is_late_vapi_gets_comments() -> None:
    seen = asyncio.Event()

    async def late(peer: Peer) -> None:
        await seen.wait()
        await stream(peer)

    options = VapiOptions(first_word=0.1, heartbeat=0.05)
    async with answered(late, options=options) as (there, _), asyncio.timeout(20):
        async with there.http.stream("POST", "/llm/chat/completions", json=asking()) as response:
            pieces = response.aiter_raw()
            assert response.status_code == 200
            comments = [await anext(pieces) for _ in range(2)]
            seen.set()
            rest = b"".join([piece async for piece in pieces])
    assert set(comments) == {b": waiting for the model\n\n"}
    assert rest.endswith(b"".join(CHUNKS))


@pytest.mark.parametrize(
    ("reply", "status", "after"),
    [
        (answering(400, {"error": {"message": "model_canary"}}), 400, None),
        (answering(401, {"error": {"message": KEY}}), 502, "1"),
        (answering(402, {}), 503, "60"),
        (answering(429, {}, **{"retry-after": "9", "x-should-retry": "false"}), 503, "9"),
        (answering(500, {}, **{"x-should-retry": "false"}), 502, "1"),
        (hang_up, 502, "1"),
    ],
)
async def test_a_model_that_refuses_is_said_in_a_status_of_ours(
    log: Lines, reply: Reply, status: int, after: str | None
) -> None:
    async with answered(reply) as (there, _):
        response = await ask(there)
    assert (response.status_code, response.headers.get("retry-after")) == (status, after)
    (line,) = log.lines
    assert line.startswith(f"llm {status}, ")
    assert "canary" not in response.text + line


async def test_a_model_that_says_nothing_is_given_up() -> None:
    async with answered(hang, silence=0.2) as (there, _):
        response = await ask(there)
    assert response.status_code == 504


async def test_a_model_that_falls_silent_in_the_middle_is_given_up(log: Lines) -> None:
    async def stops(peer: Peer) -> None:
        await peer.head(content_type="text/event-stream")
        await peer.chunk(CHUNKS[0])
        await peer.gone()

    async with answered(stops, silence=0.3) as (there, _):
        with pytest.raises(httpx.RemoteProtocolError):
            await ask(there)
    assert log.lines[0].startswith("llm 599, ")
    assert log.lines[0].endswith("the model cannot be asked: no answer in time")


async def test_a_model_whose_head_comes_and_nothing_else_is_given_up() -> None:
    async def only_head(peer: Peer) -> None:
        await peer.head(content_type="text/event-stream")
        await peer.gone()

    async with answered(only_head, silence=0.3) as (there, _):
        assert (await ask(there)).status_code == 504


async def test_openais_own_client_understands_a_refusal() -> None:
    async with answered(answering(429, {}, **{"retry-after": "9", "x-should-retry": "false"})) as (there, _):
        async with AsyncOpenAI(base_url=f"{there.url}/llm", api_key=SECRET, max_retries=0) as client:
            with pytest.raises(InternalServerError, match="the model cannot be asked: status 429") as refused:
                await client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hello"}])
    assert (refused.value.status_code, refused.value.code) == (503, "upstream_error")


async def test_no_log_of_any_library_holds_the_models_key(everything: Lines) -> None:
    async with answered(stream, answering(401, {"error": {"message": KEY}})) as (there, _):
        assert [(await ask(there)).status_code for _ in range(2)] == [200, 502]
    assert any("chat/completions" in line for line in everything.lines)
    assert not [line for line in everything.lines if KEY in line]


async def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(log: Lines) -> None:
    async def breaks(peer: Peer) -> None:
        await peer.head(content_type="text/event-stream")
        await peer.chunk(CHUNKS[0])
        peer.writer.transport.abort()

    async with answered(breaks) as (there, _):
        with pytest.raises(httpx.RemoteProtocolError):
            await ask(there)
    assert log.lines[0].startswith("llm 599, ")


async def test_the_model_is_left_the_moment_vapi_hangs_up(log: Lines) -> None:
    left = asyncio.Event()

    async def waits(peer: Peer) -> None:
        await peer.head(content_type="text/event-stream")
        await peer.chunk(CHUNKS[0])
        await peer.gone()
        left.set()

    async with answered(waits) as (there, _), asyncio.timeout(20):
        async with there.http.stream("POST", "/llm/chat/completions", json=asking()) as response:
            await anext(response.aiter_raw())
        await left.wait()
    assert log.lines[0].startswith("llm 499, ")


async def test_what_is_no_request_is_400() -> None:
    no_messages, no_list = json.dumps({"messages": []}), json.dumps({"model": "m", "messages": "hello"})
    async with answered(stream) as (there, model):
        for body in (b"", b"[]", b"{" * 50, no_messages, no_list):
            assert (await there.http.post("/llm/chat/completions", content=body)).status_code == 400
        assert not model.requests


async def test_without_a_model_that_is_said() -> None:
    async with house() as there:
        response = await ask(there)
    assert response.status_code == 501
    assert "OPENAI_BASE_URL" in response.json()["error"]["message"]


def test_a_model_is_named_by_the_environment() -> None:
    assert ChatModel.from_env({}) is None
    model = ChatModel.from_env({"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_MODEL": "m"})
    assert model is not None
    assert model.name == "m"
    assert ChatModel.from_env({"OPENAI_API_KEY": KEY}) is not None


@pytest.mark.parametrize("address", ["http://203.0.113.9/v1", "ftp://model", "nothing"])
def test_a_model_without_tls_is_refused_at_once(address: str) -> None:
    with pytest.raises(ConfigurationError, match="OPENAI_BASE_URL"):
        ChatModel(address, KEY)
