"""The brain as an OpenAI-compatible endpoint: ``GET /v1/models`` and ``POST /v1/chat/completions``.

Whole or streamed (server-sent events). The reply comes from the messages alone. Any model name is taken, and the answer
names the true one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from .chat import PLACE_ORDER, Chat

__all__ = ["MODEL", "app"]

MODEL = "offline-coffee-bar"
"""The name of the brain."""

_CREATED = 1767225600
"""A fixed time stamp (2026-01-01): the answer to the same messages is the same, byte for byte."""


async def _models(_: Request) -> Response:
    model = {"id": MODEL, "object": "model", "created": _CREATED, "owned_by": "demo"}
    return JSONResponse({"object": "list", "data": [model]})


async def _completions(request: Request) -> Response:
    body = await request.body()
    try:
        chat = Chat.model_validate_json(body)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        return _refusal(fault["msg"], ".".join(map(str, fault["loc"])))
    identity = "chatcmpl-" + hashlib.sha256(body).hexdigest()[:24]
    if chat.stream:
        return StreamingResponse(_events(chat, identity), media_type="text/event-stream")
    reply, order = chat.reply(), chat.order()
    message: dict[str, Any] = {"role": "assistant", "content": reply}
    if order is not None:
        message = {"role": "assistant", "content": None, "tool_calls": [_call(order, identity)]}
    choice = {"index": 0, "message": message, "finish_reason": _reason(order)}
    return JSONResponse(_answer("chat.completion", identity, [choice]) | {"usage": chat.usage(reply)})


def _events(chat: Chat, identity: str) -> Iterator[str]:
    """Yield the reply word by word, or the tool call at once, as server-sent events."""
    reply, order = chat.reply(), chat.order()
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if order is None:
        deltas += [{"content": word} for word in _pieces(reply)]
    else:
        deltas.append({"tool_calls": [{"index": 0, **_call(order, identity)}]})
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": _reason(order)})
    for choice in choices:
        yield _event(_answer("chat.completion.chunk", identity, [choice]))
    if chat.stream_options and chat.stream_options.include_usage:
        yield _event(_answer("chat.completion.chunk", identity, []) | {"usage": chat.usage(reply)})
    yield "data: [DONE]\n\n"


def _call(order: str, identity: str) -> dict[str, Any]:
    function = {"name": PLACE_ORDER, "arguments": json.dumps({"order": order})}
    return {"id": identity.replace("chatcmpl-", "call_"), "type": "function", "function": function}


def _reason(order: str | None) -> str:
    return "stop" if order is None else "tool_calls"


def _pieces(reply: str) -> list[str]:
    first, *rest = reply.split(" ")
    return [first, *(f" {word}" for word in rest)]


def _answer(kind: str, identity: str, choices: list[Any]) -> dict[str, Any]:
    return {"id": identity, "object": kind, "created": _CREATED, "model": MODEL, "choices": choices}


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data)}\n\n"


def _refusal(message: str, parameter: str) -> Response:
    error = {"message": message, "type": "invalid_request_error", "param": parameter or None, "code": "invalid_request"}
    return JSONResponse({"error": error}, status_code=400)


app = Starlette(
    routes=[
        Route("/v1/models", _models),
        Route("/v1/chat/completions", _completions, methods=["POST"]),
    ]
)
"""The ASGI application."""
