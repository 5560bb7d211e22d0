"""Custom LLM: Vapi's chat completions passed to any OpenAI-compatible model, byte for byte as they stream.

Above: :mod:`.app`. Below: the ``openai`` package, loaded when a model is made. What Vapi adds (the call, its metadata)
goes no further; the model's own key comes from here. Source: Vapi, "Custom LLM".
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any, cast

from pyai_voice.backoff import retry_after
from pyai_voice.errors import ConfigurationError
from pyai_voice.outbound import OutboundError, check_address
from pyai_voice.redact import SecretFilter, register

from .door import Asked, Reply
from .options import VapiOptions
from .refusals import Refusal

__all__ = ["ChatModel", "CustomModel"]

_HEARTBEAT = b": waiting for the model\n\n"
_WAITING = 64
"""Pieces that may wait for Vapi to read."""
_VAPIS_OWN = frozenset({"metadata", "store"})
"""Also names of OpenAI's, where they mean something else."""
_SHORTEST_SECRET = 12
_OPENAI = "https://api.openai.com/v1"

Piece = bytes | Refusal | None
"""A part of the model's answer; why it fails; None: it is complete."""
Pieces = asyncio.Queue[Piece]

for _name in ("openai._base_client", "httpx", "httpcore.http11"):
    logging.getLogger(_name).addFilter(SecretFilter())


class ChatModel:
    """An OpenAI-compatible model. Raises ConfigurationError for an address that is neither https nor this machine's."""

    def __init__(self, base_url: str = _OPENAI, api_key: str = "", model: str = "", *, silence: float = 30.0) -> None:
        """``model`` stands in place of the one that the assistant asks for; empty: that one.

        ``silence``: seconds without a byte after which the model has failed.
        """
        from openai import AsyncOpenAI
        from openai.types.chat.completion_create_params import CompletionCreateParamsBase

        _check(base_url)
        if len(api_key) >= _SHORTEST_SECRET:
            register(api_key)
        self.name = model
        self.fields = frozenset(CompletionCreateParamsBase.__annotations__) - _VAPIS_OWN
        """What of a request goes to the model, besides ``stream``."""
        self.client: Any = AsyncOpenAI(base_url=base_url, api_key=api_key or "none", max_retries=1, timeout=silence)

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> ChatModel | None:
        """Return what OPENAI_BASE_URL, OPENAI_API_KEY and OPENAI_MODEL name; None where neither of the first two is."""
        address, key = environment.get("OPENAI_BASE_URL", ""), environment.get("OPENAI_API_KEY", "")
        return cls(address or _OPENAI, key, environment.get("OPENAI_MODEL", "")) if address or key else None

    async def aclose(self) -> None:
        """Close the connections."""
        await self.client.close()


def _check(base_url: str) -> None:
    try:
        check_address(base_url, loopback=True)
        return
    except OutboundError:
        pass
    raise ConfigurationError(
        "OPENAI_BASE_URL: expected an https address, or http on this machine", code="invalid_option"
    )


class CustomModel:
    """Answers Vapi from a model."""

    def __init__(self, model: ChatModel | None, options: VapiOptions) -> None:
        self._model = model
        self._options = options

    async def __call__(self, asked: Asked, reply: Reply) -> None:
        """Answer one request. Raises Refusal."""
        if self._model is None:
            raise Refusal(501, "no model: set OPENAI_BASE_URL or OPENAI_API_KEY")
        wanted = _wanted(asked.body, self._model)
        pieces: Pieces = asyncio.Queue(_WAITING)
        asking = asyncio.create_task(_ask(self._model, wanted, pieces))
        try:
            first = await self._first(pieces, reply) if wanted["stream"] else await pieces.get()
            await _relay(first, pieces, reply, "text/event-stream" if wanted["stream"] else "application/json")
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def _first(self, pieces: Pieces, reply: Reply) -> Piece:
        """Return the first piece; while it is late Vapi gets the head of the answer, and comments."""
        patience = self._options.first_word
        while True:
            try:
                async with asyncio.timeout(patience):
                    return await pieces.get()
            except TimeoutError:
                patience = self._options.heartbeat
            if not reply.started:
                await reply.begin("text/event-stream")
            await reply.write(_HEARTBEAT)


def _wanted(body: bytes, model: ChatModel) -> dict[str, Any]:
    """Return the request as the model gets it. Raises Refusal (400)."""
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError):
        sent = None
    if not isinstance(sent, dict):
        raise Refusal(400, "expected a JSON object")
    fields = cast("dict[str, Any]", sent)
    wanted = {name: value for name, value in fields.items() if name in model.fields and value is not None}
    wanted["model"] = model.name or wanted.get("model")
    if not isinstance(wanted["model"], str) or not wanted["model"]:
        raise Refusal(400, "model: none is named, neither in the request nor by OPENAI_MODEL")
    if not isinstance(wanted.get("messages"), list) or not wanted["messages"]:
        raise Refusal(400, "messages: expected a list of messages")
    return {**wanted, "stream": fields.get("stream") is True}


async def _ask(model: ChatModel, wanted: dict[str, Any], pieces: Pieces) -> None:
    """Put the model's answer into the queue, then None; a Refusal where it fails."""
    outcome: Refusal | None = None
    try:
        async with model.client.chat.completions.with_streaming_response.create(**wanted) as response:
            async for piece in response.iter_bytes():
                await pieces.put(piece)
    except Exception as error:  # noqa: BLE001 - the outermost line of the task: its reader gets it
        outcome = _refusal(error)
    await pieces.put(outcome)


def _refusal(error: Exception) -> Refusal:
    status = getattr(error, "status_code", None)
    said = f"the model cannot be asked: {f'status {status}' if status else type(error).__name__}"
    if status in (400, 404, 413, 422):
        return Refusal(status, said)
    response = getattr(error, "response", None)
    wait = retry_after(response.headers) if response is not None else None
    if "Timeout" in type(error).__name__:
        return Refusal(504, said, 1.0)
    return Refusal(503 if status in (402, 429) else 502, said, wait or (60.0 if status == 402 else 1.0))


async def _relay(piece: Piece, pieces: Pieces, reply: Reply, media_type: str) -> None:
    """Pass the pieces on as they come. Raises Refusal."""
    if isinstance(piece, Refusal) and not reply.started:
        raise piece
    if not reply.started:
        await reply.begin(media_type)
    while isinstance(piece, bytes):
        await reply.write(piece)
        piece = await pieces.get()
    if piece is not None:
        raise piece
    await reply.end()
