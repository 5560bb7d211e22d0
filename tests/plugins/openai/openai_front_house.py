"""The front on a real socket, with a service behind it, and OpenAI's own client before it."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from openai import AsyncOpenAI

from openai_pyai import Access, FrontOptions, OwnKey, PassThrough, create_app
from pyai_voice.audio import AudioFormat, wav_bytes
from pyai_voice.client import Client
from pyai_voice.server.serving import bind, serving
from pyai_voice.server.settings import Settings
from pyai_voice.testing import FaultyServer, coded_speech
from pyai_voice.testing.faults import SpeakFault

KEY = "front_key_canary_0123456789"
TEXT = "Hello."
HEARD = "0-39."
WAV = wav_bytes(coded_speech(40), AudioFormat(16000))


class Lines(logging.Handler):
    """The lines of the front's log."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@asynccontextmanager
async def front(access: Access, options: FrontOptions | None = None) -> AsyncGenerator[str]:
    """Serve the front; yields the base URL for clients."""
    async with aclosing(access), serving(create_app(access, options), Settings(), bind()) as (_, url):
        yield f"{url}/v1"


@asynccontextmanager
async def openai_client(base_url: str, key: str = KEY, retries: int = 0) -> AsyncGenerator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=base_url, api_key=key, max_retries=retries, timeout=20) as client:
        yield client


@dataclass
class House:
    """What a test needs of it."""

    pyai: FaultyServer
    openai: AsyncOpenAI
    http: httpx.AsyncClient
    """With the key in its headers."""
    url: str
    """With ``/v1``."""


@asynccontextmanager
async def house(
    options: FrontOptions | None = None,
    *,
    speak: Iterable[SpeakFault] = (),
    settings: Settings | None = None,
    passes: bool = False,
    key: str = "",
) -> AsyncGenerator[House]:
    """PyAI's local server behind the front; ``passes``: it is asked with the client's key."""
    async with FaultyServer(speak=speak, settings=settings) as pyai, aclosing(Client(pyai.endpoint)) as client:
        access: Access = PassThrough(base_url=pyai.base_url) if passes else OwnKey(client, KEY)
        key = key or (pyai.api_key if passes else KEY)
        headers = {"Authorization": f"Bearer {key}"}
        async with (
            front(access, options) as url,
            openai_client(url, key) as openai,
            httpx.AsyncClient(base_url=f"{url}/", headers=headers, trust_env=False, timeout=20) as http,
        ):
            yield House(pyai, openai, http, url)


def reach(client: AsyncOpenAI) -> dict[str, Any]:
    """Return address and key of a client, for another one."""
    return {"base_url": str(client.base_url), "api_key": client.api_key}
