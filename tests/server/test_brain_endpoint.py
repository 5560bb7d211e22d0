"""A model behind an OpenAI-compatible address, on a real socket: what is asked, what comes back, what fails."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from demo.brain.server import app as coffee_bar
from pyai_voice.errors import ConfigurationError
from pyai_voice.events import Passage
from pyai_voice.omni_events import ReplyEnded
from pyai_voice.omni_options import Tool
from pyai_voice.server.brain import BrainError, Message, Prompt, Thought, ToolRequest
from pyai_voice.server.brain.choose import choose_brain
from pyai_voice.server.brain.endpoint import EndpointBrain
from pyai_voice.server.brain.offline import OfflineBrain
from pyai_voice.server.omni.mind import APOLOGY
from pyai_voice.server.serving import bind, serving
from pyai_voice.server.settings import Settings
from tests.server.omni_calls import omni_server

KEY = "sk-a-secret-key-of-a-model"
LOOK = Tool(name="look", description="Look.", parameters={"type": "object", "properties": {"id": {"type": "string"}}})

Answer = Callable[[Request], Awaitable[Response]]


def delta(**fields: Any) -> str:
    choice = {"index": 0, "delta": fields, "finish_reason": None}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
    return f"data: {json.dumps(chunk)}\n\n"


def called(index: int, **function: str) -> str:
    identity = {"id": f"call_{index}"} if "name" in function else {}
    return delta(tool_calls=[{"index": index, **identity, "type": "function", "function": function}])


DONE = "data: [DONE]\n\n"


class Model:
    """An address that answers as it is told, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.pieces: list[str | asyncio.Event] = []
        self.refusal: Response | None = None
        self.gone = asyncio.Event()

    async def answer(self, request: Request) -> Response:
        self.asked.append(json.loads(await request.body()))
        self.keys.append(request.headers.get("authorization"))
        return self.refusal or StreamingResponse(self._stream(), media_type="text/event-stream")

    async def _stream(self) -> AsyncIterator[str]:
        try:
            for piece in self.pieces:
                if isinstance(piece, asyncio.Event):
                    await piece.wait()
                else:
                    yield piece
        finally:
            self.gone.set()


@asynccontextmanager
async def serve(app: Starlette) -> AsyncGenerator[str]:
    async with serving(app, Settings(), bind()) as (_, origin):
        yield f"{origin}/v1"


@asynccontextmanager
async def modelled(**patience: float) -> AsyncGenerator[tuple[Model, EndpointBrain]]:
    model = Model()
    app = Starlette(routes=[Route("/v1/chat/completions", model.answer, methods=["POST"])])
    async with serve(app) as address:
        brain = EndpointBrain(address, KEY, "small", **patience)
        try:
            yield model, brain
        finally:
            await brain.aclose()


async def thoughts(brain: EndpointBrain, prompt: Prompt | None = None) -> list[Thought]:
    prompt = prompt or Prompt("You are Mia.", (Message("user", "Hi."),))
    async with asyncio.timeout(20):
        return [thought async for thought in brain.think(prompt)]


async def test_the_whole_conversation_is_asked_and_the_answer_streams() -> None:
    request = ToolRequest("tc_1", "look", {"id": "7"})
    prompt = Prompt(
        "You are Mia.",
        (
            Message("user", "Where is it?"),
            Message("assistant", "Wait.", (request,)),
            Message("tool", "there", call_id="tc_1"),
            Message("tool", "no answer", call_id="tc_2", failed=True),
            Message("user", "And when?"),
        ),
        tools=(LOOK,),
        passages=(Passage("We open at nine.", 0.9),),
        language="de",
        temperature=0.5,
        seed=7,
    )
    async with modelled() as (model, brain):
        model.pieces = [delta(role="assistant", content=""), delta(content="At "), delta(content="nine."), DONE]
        assert await thoughts(brain, prompt) == ["At ", "nine."]
        (asked,) = model.asked
        assert (asked["model"], asked["stream"], asked["temperature"], asked["seed"]) == ("small", True, 0.5, 7)
        assert model.keys == [f"Bearer {KEY}"]
        roles = [each["role"] for each in asked["messages"]]
        assert roles == ["system", "user", "assistant", "tool", "tool", "system", "user"]
        assert (
            asked["messages"][0]["content"].startswith("You are Mia.") and "code de" in asked["messages"][0]["content"]
        )
        assert asked["messages"][2]["tool_calls"][0]["function"] == {"name": "look", "arguments": '{"id": "7"}'}
        assert asked["messages"][4]["content"] == "error: no answer"
        assert "We open at nine." in asked["messages"][5]["content"]
        assert asked["tools"][0]["function"]["name"] == "look"


async def test_what_the_caller_of_the_brain_did_not_set_is_not_asked() -> None:
    async with modelled() as (model, brain):
        model.pieces = [delta(content="Yes."), DONE]
        await thoughts(brain)
        assert not {"tools", "temperature", "seed"} & model.asked[0].keys()


async def test_tool_calls_in_pieces_are_put_together() -> None:
    async with modelled() as (model, brain):
        model.pieces = [
            delta(content="Wait. "),
            called(0, name="look", arguments='{"id"'),
            called(1, name="look", arguments=""),
            called(0, arguments=': "7"}'),
            called(1, arguments="not json"),
            called(2, name="look", arguments='{"id": NaN}'),
            called(3, name="look", arguments="[1]"),
            DONE,
        ]
        assert await thoughts(brain) == [
            "Wait. ",
            ToolRequest("call_0", "look", {"id": "7"}),
            *(ToolRequest(f"call_{number}", "look", {}) for number in (1, 2, 3)),
        ]


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
async def test_a_refusal_is_a_brain_error_that_names_the_status_and_hides_the_key(status: int) -> None:
    async with modelled() as (model, brain):
        model.refusal = JSONResponse({"error": {"message": f"your key {KEY} is wrong"}}, status)
        with pytest.raises(BrainError) as error:
            await thoughts(brain)
        assert f"status {status}" in error.value.message and len(model.asked) == 1
        assert KEY not in f"{error.value!r} {error.value.__context__!r} {error.value.__cause__!r}"


async def test_a_model_that_says_nothing_or_stops_in_the_middle_is_given_up() -> None:
    async with modelled(first=0.1, following=0.1) as (model, brain):
        for pieces in ([asyncio.Event()], [delta(content="Half"), asyncio.Event()]):
            model.pieces = pieces
            with pytest.raises(BrainError, match="in time"):
                await thoughts(brain)


async def test_a_broken_stream_is_a_brain_error() -> None:
    no_choices = 'data: {"choices":null}\n\n'
    async with modelled() as (model, brain):
        for broken in ("data: {broken\n\n", no_choices, "data: [1]\n\n"):
            model.pieces = [delta(content="Half"), broken]
            with pytest.raises(BrainError):
                await thoughts(brain)


async def test_a_connection_that_breaks_in_the_middle_is_a_brain_error() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        chunk = delta(content="Half").encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head + f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        await writer.drain()
        writer.transport.abort()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    brain = EndpointBrain(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", "none", "m")
    with pytest.raises(BrainError):
        await thoughts(brain)
    await brain.aclose()
    server.close()


async def test_nobody_there_is_a_brain_error() -> None:
    with bind() as free:
        port = free.getsockname()[1]
    brain = EndpointBrain(f"http://127.0.0.1:{port}/v1", "none", "m")
    with pytest.raises(BrainError):
        await thoughts(brain)
    await brain.aclose()


async def test_an_answer_that_nobody_wants_any_more_is_hung_up_on() -> None:
    async with modelled() as (model, brain):
        model.pieces = [delta(content="Half"), asyncio.Event()]
        answer = brain.think(Prompt("", (Message("user", "Hi."),)))
        assert await anext(answer) == "Half"
        await answer.aclose()
        async with asyncio.timeout(10):
            await model.gone.wait()


async def test_the_key_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with modelled() as (model, brain):
        model.pieces = [delta(content="Yes."), DONE]
        await thoughts(brain)
    assert KEY not in caplog.text


@pytest.mark.parametrize("address", ["http://model.example/v1", "ftp://127.0.0.1/", "nonsense", "https://me@x.example"])
def test_an_address_without_tls_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match="OPENAI_BASE_URL"):
        EndpointBrain(address, KEY, "m")


async def test_the_environment_chooses() -> None:
    assert isinstance(choose_brain({}), OfflineBrain)
    chosen = choose_brain({"OPENAI_BASE_URL": "http://127.0.0.1:1/v1", "OPENAI_MODEL": "tiny"})
    assert chosen.name == "tiny"
    other = choose_brain({"OPENAI_API_KEY": KEY})
    assert isinstance(other, EndpointBrain)
    for brain in (chosen, other):
        await brain.aclose()


async def test_an_omni_call_thinks_with_the_coffee_bars_own_brain() -> None:
    async with serve(coffee_bar) as address:
        brain = EndpointBrain(address, "none", "offline-coffee-bar")
        async with omni_server(brain=brain) as omni, omni.call() as caller:
            caller.speak(0.4)  # nothing of the menu is in "0-19."
            reply = await caller.until(ReplyEnded)
            assert "What would you like to drink?" in reply.text
        await brain.aclose()


async def test_an_omni_call_survives_a_model_that_fails() -> None:
    async with modelled() as (model, brain), omni_server(brain=brain) as omni, omni.call() as caller:
        model.refusal = JSONResponse({}, 500)
        caller.speak(0.4)
        assert (await caller.until(ReplyEnded)).text == APOLOGY
        model.refusal, model.pieces = None, [delta(content="Here "), delta(content="again."), DONE]
        caller.speak(0.4)
        assert (await caller.until(ReplyEnded)).text == "Here again."
