"""The brain as an OpenAI-compatible endpoint: ``GET /v1/models`` and ``POST /v1/chat/completions``.

Whole or streamed (server-sent events). The reply comes from the messages alone. Any model name is taken, and the answer
names the true one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from .reply import converse
from .words import tokens

__all__ = ["MODEL", "app"]

MODEL = "offline-coffee-bar"
"""The name of the brain."""

_CREATED = 1767225600
"""A fixed time stamp (2026-01-01): the answer to the same messages is the same, byte for byte."""


class _Part(BaseModel):
    type: str
    text: str = ""


class _Message(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[_Part] | None = None

    def text(self) -> str:
        parts = self.content or ""
        return parts if isinstance(parts, str) else " ".join(part.text for part in parts)


class _StreamOptions(BaseModel):
    include_usage: bool = False


class _Chat(BaseModel):
    """The fields of a chat request that matter here; all others are accepted and do nothing."""

    messages: list[_Message] = Field(min_length=1, max_length=1000)
    stream: bool = False
    stream_options: _StreamOptions | None = None

    def reply(self) -> str:
        return converse([message.text() for message in self.messages if message.role == "user"], self.passages()).reply

    def passages(self) -> str:
        """Return the guidance right before the caller's last message; the very first message is instructions."""
        roles = [message.role for message in self.messages]
        place = len(roles) - 2 - roles[::-1].index("user") if "user" in roles else 0
        return self.messages[place].text() if place > 0 and roles[place] in ("system", "developer") else ""

    def usage(self, reply: str) -> dict[str, int]:
        """Count words, for want of tokens."""
        asked, answered = sum(len(tokens(message.text())) for message in self.messages), len(tokens(reply))
        return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}


async def _models(_: Request) -> Response:
    model = {"id": MODEL, "object": "model", "created": _CREATED, "owned_by": "demo"}
    return JSONResponse({"object": "list", "data": [model]})


async def _completions(request: Request) -> Response:
    body = await request.body()
    try:
        chat = _Chat.model_validate_json(body)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        return _refusal(fault["msg"], ".".join(map(str, fault["loc"])))
    identity = "chatcmpl-" + hashlib.sha256(body).hexdigest()[:24]
    if chat.stream:
        return StreamingResponse(_events(chat, identity), media_type="text/event-stream")
    reply = chat.reply()
    choice = {"index": 0, "message": {"role": "assistant", "content": reply}, "finish_reason": "stop"}
    return JSONResponse(_answer("chat.completion", identity, [choice]) | {"usage": chat.usage(reply)})


def _events(chat: _Chat, identity: str) -> Iterator[str]:
    """Yield the reply word by word as server-sent events."""
    reply = chat.reply()
    deltas: list[dict[str, str]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": word} for word in _pieces(reply)]
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    for choice in choices:
        yield _event(_answer("chat.completion.chunk", identity, [choice]))
    if chat.stream_options and chat.stream_options.include_usage:
        yield _event(_answer("chat.completion.chunk", identity, []) | {"usage": chat.usage(reply)})
    yield "data: [DONE]\n\n"


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
