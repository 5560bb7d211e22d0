"""The application on a real socket, with PyAI's local server behind it, and what Vapi sends, as its pages show it."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from websockets.asyncio.client import connect

from pyai_voice.client import Client
from pyai_voice.server.serving import bind, serving
from pyai_voice.server.settings import Settings
from pyai_voice.testing import FaultyServer
from pyai_voice.testing.faults import HearFault, SpeakFault
from tests.core.scripted_http import Reply, scripted
from vapi_pyai import Access, ChatModel, Token, VapiOptions, create_app

SECRET = "vapi_secret_canary_0123456789"
CALL = "5fe26c8e-0000-4000-8000-00000000abcd"
TEXT = "Hello."


@dataclass
class House:
    """What a test needs of it."""

    pyai: FaultyServer
    http: httpx.AsyncClient
    """With the secret in its headers."""
    url: str

    async def say(self, text: str = TEXT, rate: int = 24000, **more: Any) -> httpx.Response:
        return await self.http.post("/voice", json=voice_request(text, rate, **more))

    def transcriber(self, query: str = "", **options: Any) -> connect:
        options.setdefault("additional_headers", {"x-vapi-secret": SECRET})
        return connect(f"ws{self.url.removeprefix('http')}/transcriber{query}", **options)


@asynccontextmanager
async def house(
    options: VapiOptions | None = None,
    *,
    access: Access | None = None,
    model: ChatModel | None = None,
    hear: Iterable[HearFault] = (),
    speak: Iterable[SpeakFault] = (),
    settings: Settings | None = None,
) -> AsyncGenerator[House]:
    async with (
        FaultyServer(hear=hear, speak=speak, settings=settings) as pyai,
        aclosing(Client(pyai.endpoint)) as client,
        serving(create_app(access or Access(Token(SECRET)), client, options, model=model), Settings(), bind()) as (
            _,
            url,
        ),
        httpx.AsyncClient(base_url=url, headers={"X-Vapi-Secret": SECRET}, trust_env=False, timeout=20) as http,
    ):
        yield House(pyai, http, url)


@asynccontextmanager
async def over(service: Reply, options: VapiOptions | None = None) -> AsyncGenerator[httpx.AsyncClient]:
    """The application over a PyAI that answers as scripted; yields what asks it."""
    async with (
        scripted(service) as server,
        aclosing(Client(server.endpoint())) as client,
        serving(create_app(Access(Token(SECRET)), client, options), Settings(), bind()) as (_, url),
        httpx.AsyncClient(base_url=url, headers={"X-Vapi-Secret": SECRET}, trust_env=False, timeout=20) as http,
    ):
        yield http


def voice_request(text: str = TEXT, rate: object = 24000, **more: Any) -> dict[str, Any]:
    """As in "Custom TTS", Vapi request structure."""
    return {
        "message": {
            "type": "voice-request",
            "text": text,
            "sampleRate": rate,
            "timestamp": 1677123456789,
            "call": {"id": CALL, "orgId": "org-456"},
            "assistant": {"id": "assistant-789", "name": "Customer Service Bot"},
            "customer": {"number": "+1234567890"},
            **more,
        }
    }


def endpointing_request(text: str, call: str = CALL) -> dict[str, Any]:
    """As in the API's ``ServerMessageCallEndpointingRequest``."""
    said = [("bot", "What can I get you?"), ("user", text)]
    return {
        "message": {
            "type": "call.endpointing.request",
            "timestamp": 1677123456789,
            "messages": [
                {"role": role, "message": words, "time": 1234567890, "endTime": 1234567891, "secondsFromStart": 0}
                for role, words in said
            ],
            "messagesOpenAIFormatted": [
                {"role": "assistant" if role == "bot" else role, "content": words} for role, words in said
            ],
            "call": {"id": call},
        }
    }


def knowledge_request(text: str, call: str = CALL) -> dict[str, Any]:
    """As in "Custom knowledge base", request structure, with the call beside it."""
    return {
        "message": {
            "type": "knowledge-base-request",
            "messages": [
                {"role": "user", "content": "What is your return policy?"},
                {"role": "assistant", "content": "I'll help you with information about our return policy."},
                {"role": "user", "content": text},
            ],
            "call": {"id": call},
        }
    }


START = {"type": "start", "encoding": "linear16", "container": "raw", "sampleRate": 16000, "channels": 2}
"""As in "Custom transcriber", connection initialization."""


def stereo(customer: bytes, assistant: bytes = b"") -> bytes:
    """Interleave two channels; the shorter one is silent at its end."""
    size = max(len(customer), len(assistant))
    left, right = (memoryview(each.ljust(size, b"\0")) for each in (customer, assistant))
    return b"".join(bytes(left[at : at + 2]) + bytes(right[at : at + 2]) for at in range(0, size, 2))


class Lines(logging.Handler):
    """The lines of the application's log."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
