"""A scripted Speak, and what a Pipecat pipeline makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

from pipecat.frames.frames import (
    AggregatedTextFrame,
    Frame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)

from pipecat_pyai import PyAITTSService
from tests.core.scripted_http import CANARY, Peer, Reply, Scripted, answering
from tests.core.scripted_http import scripted as scripted_http
from tests.pipecat.pipeline import PATIENCE, Running, running

ONE, TWO, THREE = (bytes([number, 0]) * 2400 for number in (1, 2, 3))
"""Three sentences' audio: 0.1 s at 24 kHz."""


def speak(server: Scripted, **options: object) -> PyAITTSService:
    return PyAITTSService(api_key=CANARY, base_url=server.endpoint().base_url, **options)  # type: ignore[arg-type]


class Script:
    """Answers by text: to each request for a text the next of its replies, the last one again and again."""

    def __init__(self, replies: dict[str, Reply | list[Reply]]) -> None:
        self.asked: list[Peer] = []
        self._came = asyncio.Event()
        self._replies = {text: reply if isinstance(reply, list) else [reply] for text, reply in replies.items()}

    async def __call__(self, peer: Peer) -> None:
        if peer.method == "GET":  # to warm the connection
            await answering(200, {"data": []})(peer)
            return
        self.asked.append(peer)
        self._came.set()
        replies = self._replies[peer.json["input"].strip()]
        await (replies.pop(0) if len(replies) > 1 else replies[0])(peer)

    async def until(self, count: int) -> None:
        """Wait until so many texts were asked for."""
        async with asyncio.timeout(PATIENCE):
            while len(self.asked) < count:
                self._came.clear()
                await self._came.wait()

    @property
    def texts(self) -> list[str]:
        return [peer.json["input"].strip() for peer in self.asked]


@asynccontextmanager
async def speaker(
    replies: dict[str, Reply | list[Reply]], *, rate: int = 24000, **options: object
) -> AsyncIterator[tuple[Running, Script]]:
    """A pipeline that speaks with a scripted Speak."""
    script = Script(replies)
    async with scripted_http(script) as server, running(speak(server, **options), rate_out=rate) as pipeline:
        yield pipeline, script


def turn(*sentences: str) -> list[Frame]:
    """One answer of a language model, already cut into sentences: Pipecat before 1.12 needs nltk's data for that."""
    texts = [AggregatedTextFrame(sentence, "sentence") for sentence in sentences]
    return [LLMFullResponseStartFrame(), *texts, LLMFullResponseEndFrame()]


def heard(pipeline: Running) -> bytes:
    return b"".join(frame.audio for frame in pipeline.all(TTSAudioRawFrame))


def spoken(pipeline: Running) -> list[str]:
    """The texts that enter the language model's context."""
    return [frame.text.strip() for frame in pipeline.all(TTSTextFrame) if frame.append_to_context]


def order(pipeline: Running, *kinds: type[Frame]) -> list[str]:
    """The frames of these kinds, in the order in which they came, runs of audio as one."""
    names = [type(frame).__name__ for frame in pipeline.down if isinstance(frame, kinds)]
    return names[:1] + [after for before, after in pairwise(names) if after != before or "Audio" not in after]
