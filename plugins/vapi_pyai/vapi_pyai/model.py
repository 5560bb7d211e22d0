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

from starlette.requests import Request

from pyai_voice.backoff import retry_after
from pyai_voice.errors import ConfigurationError, ServiceError, service_error
from pyai_voice.outbound import OutboundError, check_address
from pyai_voice.redact import SecretFilter, register
from pyai_voice.server.door import Reply

from .options import VapiOptions
from .refusals import LATER, SOON

__all__ = ["ChatModel", "CustomModel"]

_HEARTBEAT = b": waiting for the model\n\n"
_WAITING = 64
"""Pieces that may wait for Vapi to read."""
_VAPIS_OWN = frozenset({"metadata", "store"})
"""Also names of OpenAI's, where they mean something else."""
_SHORTEST_SECRET = 12
_OPENAI = "https://api.openai.com/v1"

_PASSED_ON = {400: 400, 404: 404, 413: 413, 422: 422, 402: 503, 429: 503}
"""What Vapi is told where the model refuses with a status; of any other one 502."""

Piece = bytes | ServiceError | None
"""A part of the model's answer; why it fails; None: it is complete."""
Pieces = asyncio.Queue[Piece]

for _name in ("openai._base_client", "httpx", "httpcore.http11", "httpx2", "httpcore2.http11"):
    logging.getLogger(_name).addFilter(SecretFilter())


class ChatModel:
    """An OpenAI-compatible model. Raises ConfigurationError for an address that is neither https nor this machine's."""

    def __init__(self, base_url: str = _OPENAI, api_key: str = "", model: str = "", *, silence: float = 30.0) -> None:
        """``model`` stands in place of the one that the assistant asks for; empty: that one.

        ``silence``: seconds without a byte after which the model has failed.
        """
        from openai import AsyncOpenAI, Timeout
        from openai.types.chat.completion_create_params import CompletionCreateParamsBase

        _check(base_url)
        if len(api_key) >= _SHORTEST_SECRET:
            register(api_key)
        self.name = model
        self.fields = frozenset(CompletionCreateParamsBase.__annotations__) - _VAPIS_OWN
        """What of a request goes to the model, besides ``stream``."""
        self.silence = silence
        patience = Timeout(silence, read=None)  # how long it may say nothing is watched here
        self.client: Any = AsyncOpenAI(base_url=base_url, api_key=api_key or "none", max_retries=1, timeout=patience)

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

    async def __call__(self, request: Request, reply: Reply) -> None:
        """Answer one request. Raises ServiceError."""
        if self._model is None:
            message = "no model: set OPENAI_BASE_URL or OPENAI_API_KEY"
            raise service_error(message, code="not_configured", status=501)
        wanted = _wanted(await request.body(), self._model)
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
            if not reply.status:
                await reply.begin("text/event-stream")
            await reply.write(_HEARTBEAT)


def _wanted(body: bytes, model: ChatModel) -> dict[str, Any]:
    """Return the request as the model gets it. Raises RequestError."""
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError):
        sent = None
    if not isinstance(sent, dict):
        raise service_error("expected a JSON object", code="invalid_request")
    fields = cast("dict[str, Any]", sent)
    wanted = {name: value for name, value in fields.items() if name in model.fields and value is not None}
    wanted["model"] = model.name or wanted.get("model")
    if not isinstance(wanted["model"], str) or not wanted["model"]:
        raise service_error("model: none is named, neither in the request nor by OPENAI_MODEL", code="invalid_request")
    if not isinstance(wanted.get("messages"), list) or not wanted["messages"]:
        raise service_error("messages: expected a list of messages", code="invalid_request")
    return {**wanted, "stream": fields.get("stream") is True}


async def _ask(model: ChatModel, wanted: dict[str, Any], pieces: Pieces) -> None:
    """Put the model's answer into the queue, then None; a ServiceError where it fails."""
    outcome: ServiceError | None = None
    try:
        async with (
            asyncio.timeout(model.silence) as patience,
            model.client.chat.completions.with_streaming_response.create(**wanted) as response,
        ):
            async for piece in response.iter_bytes():
                patience.reschedule(None)
                await pieces.put(piece)
                patience.reschedule(asyncio.get_running_loop().time() + model.silence)
    except Exception as error:  # noqa: BLE001 - the outermost line of the task: its reader gets it
        outcome = _refusal(error)
    await pieces.put(outcome)


def _refusal(error: Exception) -> ServiceError:
    """Return what Vapi is told of a failure of the model."""
    from openai import APIStatusError, APITimeoutError

    what, status, wait = type(error).__name__, 502, SOON
    if isinstance(error, APIStatusError):
        said = error.status_code
        what, status = f"status {said}", _PASSED_ON.get(said, 502)
        wait = retry_after(error.response.headers) or (LATER if said == 402 else SOON)
    elif isinstance(error, TimeoutError | APITimeoutError):
        what, status = "no answer in time", 504
    code, after = ("invalid_request", None) if status < 500 else ("upstream_error", wait)
    return service_error(f"the model cannot be asked: {what}", code=code, status=status, retry_after=after)


async def _relay(piece: Piece, pieces: Pieces, reply: Reply, media_type: str) -> None:
    """Pass the pieces on as they come. Raises ServiceError."""
    if isinstance(piece, ServiceError) and not reply.status:
        raise piece
    if not reply.status:
        await reply.begin(media_type)
    while isinstance(piece, bytes):
        await reply.write(piece)
        piece = await pieces.get()
    if piece is not None:
        raise piece
    await reply.end()
