"""What the tests of SpeakClient share: a client of a scripted server, and the error of a request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pyai_voice.errors import PyAIError
from pyai_voice.options import SpeakOptions
from pyai_voice.speak import SpeakClient
from tests.core.scripted_http import Reply, Scripted, scripted

SAMPLES = bytes(range(1, 201)) * 20  # 2000 samples
PCM = SpeakOptions(voice="stock_emma_en_gb")


@asynccontextmanager
async def speaker(*replies: Reply, **options: Any) -> AsyncIterator[tuple[SpeakClient, Scripted]]:
    async with scripted(*replies) as server, SpeakClient(server.endpoint(), **options) as client:
        yield client, server


async def failure(client: SpeakClient, text: str = "Hello.", options: SpeakOptions = PCM) -> PyAIError:
    with pytest.raises(PyAIError) as caught:
        await client.speak(text, options)
    return caught.value
