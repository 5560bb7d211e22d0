"""A language model by script, behind Pipecat's own OpenAI service: what it was asked is what it really got."""

from __future__ import annotations

import json
from typing import Any

from pipecat.services.openai.llm import OpenAILLMService

from tests.core.scripted_http import Peer, Reply, Scripted

__all__ = ["answering", "asked", "calling", "language_model"]


def language_model(server: Scripted) -> OpenAILLMService:
    """Return the service for a scripted server."""
    return OpenAILLMService(api_key="sk-test", base_url=f"http://127.0.0.1:{server.port}/v1")


def answering(text: str) -> Reply:
    """Answer with words."""
    return _streaming({"role": "assistant", "content": text}, "stop")


def calling(tool: str, **arguments: Any) -> Reply:
    """Call a tool."""
    call = {"name": tool, "arguments": json.dumps(arguments)}
    calls = [{"index": 0, "id": "call_1", "type": "function", "function": call}]
    return _streaming({"role": "assistant", "content": None, "tool_calls": calls}, "tool_calls")


def asked(server: Scripted) -> list[list[tuple[str, str]]]:
    """Return the messages of each request: (role, content)."""
    return [[(message["role"], message["content"]) for message in peer.json["messages"]] for peer in server.requests]


def _streaming(delta: dict[str, Any], reason: str) -> Reply:
    async def reply(peer: Peer) -> None:
        await peer.head(content_type="text/event-stream")
        for choice in ({"delta": delta, "finish_reason": None}, {"delta": {}, "finish_reason": reason}):
            chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
            await peer.chunk(f"data: {json.dumps(chunk | {'choices': [{'index': 0, **choice}]})}\n\n".encode())
        await peer.chunk(b"data: [DONE]\n\n")
        await peer.end()

    return reply
