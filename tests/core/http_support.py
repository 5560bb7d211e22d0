"""What the tests of HTTP share: a client of a scripted server, and the error of a request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pyai_voice.errors import PyAIError
from pyai_voice.exchange import Timeouts
from pyai_voice.http import HttpClient
from tests.core.scripted_http import Reply, Scripted, answering, scripted

UPLOAD = ("audio.wav", bytes(20_000_000), "audio/wav")
OK = answering(200, {"ok": True})


@asynccontextmanager
async def client_of(
    *replies: Reply, timeouts: Timeouts | None = None, window: float = 10.0, **server_options: Any
) -> AsyncIterator[tuple[HttpClient, Scripted]]:
    async with scripted(*replies, **server_options) as server:
        client = HttpClient(server.endpoint(), timeouts, window=window)
        yield client, server
        await client.aclose()


async def refusal(client: HttpClient, path: str = "/me") -> PyAIError:
    with pytest.raises(PyAIError) as caught:
        await client.get(path)
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    return error
