"""Any OpenAI-compatible model as a brain: ``POST {base_url}/chat/completions``, streamed.

Above: :mod:`.choose`. Below: the ``openai`` package, loaded when a brain is made. A model that says nothing for too
long has failed; a failure never holds the key.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, cast

from ...errors import ConfigurationError
from ...outbound import OutboundError, check_address
from ...passages import GroundingStyle, render
from ...protocol.plain_json import read_json
from ...redact import SecretFilter, register
from . import BrainError, Message, Prompt, Thought, ToolRequest

__all__ = ["EndpointBrain"]

_FIRST, _NEXT = 10.0, 10.0
"""Seconds for the first piece of an answer, and for each further one."""
_MOST_PIECES = 20_000
_MOST_CALLS = 16
_SPOKEN = (
    "You speak with the caller on a telephone line: what you write is read aloud. Answer in one to three short, plain "
    "sentences, without lists, markup or emoji."
)
_STYLE = GroundingStyle(role="system")
_NONSENSE = (ValueError, TypeError, AttributeError)
"""What the library raises where a stream is no stream of chunks."""
_SHORTEST_SECRET = 12
"""Characters of what is a key, and no word such as ``none``."""

for _name in ("openai._base_client", "httpx", "httpcore.http11", "httpx2", "httpcore2.http11"):
    logging.getLogger(_name).addFilter(SecretFilter())


class EndpointBrain:
    """A model behind an address. Raises ConfigurationError for a wrong address: https, or http to this machine."""

    def __init__(
        self, base_url: str, api_key: str, model: str, *, first: float = _FIRST, following: float = _NEXT
    ) -> None:
        """``first`` and ``following``: seconds for the first piece of an answer and for each further one."""
        from openai import AsyncOpenAI

        _check(base_url)
        if len(api_key) >= _SHORTEST_SECRET:
            register(api_key)
        self.name = model
        self._first, self._following = first, following
        self._client: Any = AsyncOpenAI(base_url=base_url, api_key=api_key or "none", max_retries=0, timeout=first)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def think(self, prompt: Prompt) -> AsyncGenerator[Thought]:
        """Yield the answer as it comes. Raises BrainError."""
        calls: dict[int, dict[str, str]] = {}
        async with aclosing(self._deltas(prompt)) as deltas:
            async for delta in deltas:
                if delta.content:
                    yield delta.content
                for call in delta.tool_calls or ():
                    _collect(calls, call)
        for call in calls.values():
            yield _request(call)

    async def _deltas(self, prompt: Prompt) -> AsyncGenerator[Any]:
        """Yield what the model says, piece by piece, each in time."""
        import httpx  # noqa: TID251 - its errors come through the openai package's streams as they are
        from openai import OpenAIError

        failure = ""
        try:
            async with asyncio.timeout(self._first):
                stream: Any = await self._client.chat.completions.create(**self._request(prompt))
            async with stream:
                async for chunk in _timed(aiter(stream), self._first, self._following):
                    for choice in chunk.choices[:1]:
                        yield choice.delta
        except TimeoutError:
            failure = "the model did not answer in time"
        except (OpenAIError, httpx.HTTPError, *_NONSENSE) as error:
            failure = f"the model cannot be asked ({_reason(error)})"
        if failure:
            raise BrainError(failure)

    def _request(self, prompt: Prompt) -> dict[str, Any]:
        wanted: dict[str, Any] = {"model": self.name, "messages": _messages(prompt), "stream": True}
        if prompt.tools:
            wanted["tools"] = [_tool(each.name, each.description, each.parameters) for each in prompt.tools]
        if prompt.temperature is not None:
            wanted["temperature"] = prompt.temperature
        if prompt.seed is not None:
            wanted["seed"] = prompt.seed
        return wanted


def _check(base_url: str) -> None:
    try:
        check_address(base_url, loopback=True)
        complaint = ""
    except OutboundError:
        complaint = "OPENAI_BASE_URL: expected an https address, or http on this machine"
    if complaint:
        raise ConfigurationError(complaint, code="invalid_option")


async def _timed(chunks: AsyncIterator[Any], first: float, following: float) -> AsyncGenerator[Any]:
    """Yield chunks, each in time. Raises TimeoutError."""
    for number in range(_MOST_PIECES):
        async with asyncio.timeout(following if number else first):
            chunk = await anext(chunks, None)
        if chunk is None:
            return
        yield chunk


def _reason(error: Exception) -> str:
    status = getattr(error, "status_code", None)
    return f"status {status}" if status else type(error).__name__


def _collect(calls: dict[int, dict[str, str]], piece: Any) -> None:
    """Put the pieces of tool calls together; one too many is left out."""
    if piece.index not in calls and len(calls) >= _MOST_CALLS:
        return
    call = calls.setdefault(piece.index, {"id": "", "name": "", "arguments": ""})
    call["id"] = piece.id or call["id"]
    if piece.function is not None:
        call["name"] += piece.function.name or ""
        call["arguments"] += piece.function.arguments or ""


def _request(call: dict[str, str]) -> ToolRequest:
    try:
        arguments = read_json(call["arguments"] or "{}")
    except ValueError:
        arguments = {}
    return ToolRequest(
        call["id"], call["name"], cast("dict[str, Any]", arguments) if isinstance(arguments, dict) else {}
    )


def _messages(prompt: Prompt) -> list[dict[str, Any]]:
    instructions = "\n\n".join(part for part in (prompt.persona, _SPOKEN, _language(prompt.language)) if part)
    said = [_message(each) for each in prompt.messages]
    if passages := render(prompt.passages or None, _STYLE):
        place = len(said) - 1 if said and said[-1]["role"] == "user" else len(said)
        said.insert(place, {"role": "system", "content": passages})
    return [{"role": "system", "content": instructions}, *said]


def _language(language: str) -> str:
    return "" if language.startswith("en") else f"Answer in the language with the code {language}."


def _message(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        text = f"error: {message.text}" if message.failed else message.text
        return {"role": "tool", "tool_call_id": message.call_id, "content": text}
    if not message.tools:
        return {"role": message.role, "content": message.text}
    calls = [
        {
            "id": each.call_id,
            "type": "function",
            "function": {"name": each.name, "arguments": json.dumps(each.arguments, ensure_ascii=False)},
        }
        for each in message.tools
    ]
    return {"role": "assistant", "content": message.text or None, "tool_calls": calls}


def _tool(name: str, description: str, parameters: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}
