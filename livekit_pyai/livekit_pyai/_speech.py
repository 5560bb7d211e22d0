"""Text to LiveKit's audio emitter: one request, or a line of them in order with one ahead.

Above: :mod:`.tts`. Below: the core's SpeakClient, which tries a refused request again while nothing has come.
"""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Callable
from typing import Self

from livekit.agents import APIError, APITimeoutError, tts, utils

from pyai_voice.errors import PyAIError
from pyai_voice.options import SpeakOptions
from pyai_voice.speak import SpeakClient

from ._words import to_api_error

__all__ = ["Fetch", "Output", "SpeechLine", "pieces", "pour", "speakable"]

_AHEAD = 1
"""Sentences that are fetched while one is passed on."""
_LONGEST = 500
"""Characters of one request: bounds the audio that waits for its turn."""

Sink = Callable[[bytes, str | None], None]
"""Takes audio and the server's name for the request."""


def speakable(text: str) -> bool:
    """Tell whether a text has anything to pronounce: a letter or a digit."""
    return any(map(str.isalnum, text))


def pieces(text: str) -> list[str]:
    """Return the requests that a sentence becomes: none for bare punctuation, several for a very long one."""
    parts = [text] if len(text) <= _LONGEST else textwrap.wrap(text, _LONGEST)
    return list(filter(speakable, parts))


class Output:
    """LiveKit's emitter: initialised with the server's name for the first request, when its audio comes."""

    def __init__(self, emitter: tts.AudioEmitter, rate: int, *, segmented: bool = False) -> None:
        self.heard = False
        """Whether any audio was passed on."""
        self._emitter = emitter
        self._rate = rate
        self._segmented = segmented
        self._open = False

    def push(self, pcm: bytes, request_id: str | None) -> None:
        """Pass pcm16 mono on."""
        self._ensure_open(request_id)
        if request_id:
            self._emitter._note_provider_request_id(request_id)  # pyright: ignore[reportPrivateUsage] - made for plugins
        self.heard = True
        self._emitter.push(pcm)

    def close(self, *, silent: bool = False) -> None:
        """Say that all is there; ``silent``: where nothing is, pass on 20 ms of silence, because LiveKit wants some."""
        if silent and not self.heard:
            self.push(bytes(self._rate // 50 * 2), None)
        self._ensure_open(None)

    def _ensure_open(self, request_id: str | None) -> None:
        if self._open:
            return
        self._open = True
        self._emitter.initialize(
            request_id=request_id or utils.shortuuid("speak_"),
            sample_rate=self._rate,
            num_channels=1,
            mime_type="audio/pcm",
            stream=self._segmented,
        )
        if self._segmented:
            self._emitter.start_segment(segment_id=utils.shortuuid("segment_"))


async def pour(client: SpeakClient, text: str, options: SpeakOptions, patience: float, sink: Sink) -> APIError | None:
    """Speak one text into ``sink``; return why it failed: also where nothing comes for ``patience`` seconds."""
    try:
        await _pour(client, text, options, patience, sink)
    except PyAIError as error:
        return to_api_error(error)
    except TimeoutError:
        return APITimeoutError(f"Speak sent no audio for {patience:g} s")
    return None


async def _pour(client: SpeakClient, text: str, options: SpeakOptions, patience: float, sink: Sink) -> None:
    now = asyncio.get_running_loop().time
    async with asyncio.timeout(patience) as limit, client.stream(text, options) as speech:
        async for pcm in speech:
            limit.reschedule(now() + patience)
            sink(pcm, speech.request_id)


class Fetch:
    """One piece of text on its way. Iterate it for its audio; then ``failure`` tells how it ended."""

    def __init__(
        self, client: SpeakClient, text: str, options: SpeakOptions, patience: float, *, attempts: int
    ) -> None:
        self.request_id: str | None = None
        self.failure: APIError | None = None
        self._client = client
        self._text = text
        self._options = options
        self._patience = patience
        self._heard = False
        self._audio: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._run(attempts), name="pyai-speak")

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        pcm = await self._audio.get()
        if pcm is None:
            self.failure = await self._task
            raise StopAsyncIteration
        return pcm

    async def aclose(self) -> None:
        """Stop it: its connection is dropped at once."""
        await utils.aio.cancel_and_wait(self._task)

    async def _run(self, attempts: int) -> APIError | None:
        try:
            failure = await self._attempt()
            while failure is not None and failure.retryable and not self._heard and attempts > 1:
                attempts -= 1
                failure = await self._attempt()
            return failure
        finally:
            self._audio.put_nowait(None)

    async def _attempt(self) -> APIError | None:
        return await pour(self._client, self._text, self._options, self._patience, self._take)

    def _take(self, pcm: bytes, request_id: str | None) -> None:
        self.request_id = request_id
        self._heard = True
        self._audio.put_nowait(pcm)


class SpeechLine:
    """Pieces of text go in, their fetches come out in the same order; the next is under way while one is read."""

    def __init__(self, client: SpeakClient, options: SpeakOptions, patience: float) -> None:
        self._client = client
        self._options = options
        self._patience = patience
        self._places = asyncio.Semaphore(1 + _AHEAD)
        self._fetches: asyncio.Queue[Fetch | None] = asyncio.Queue()
        self._current: Fetch | None = None
        self._count = 0

    async def put(self, text: str) -> None:
        """Fetch one more piece, as soon as there is a place for it.

        A lost connection costs a later piece a second attempt; for the first LiveKit itself tries the whole again.
        """
        await self._places.acquire()
        attempts = 2 if self._count else 1
        self._count += 1
        self._fetches.put_nowait(Fetch(self._client, text, self._options, self._patience, attempts=attempts))

    def end(self) -> None:
        """Say that no more text comes."""
        self._fetches.put_nowait(None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Fetch:
        if self._current is not None:
            self._places.release()
        self._current = await self._fetches.get()
        if self._current is None:
            raise StopAsyncIteration
        return self._current

    async def aclose(self) -> None:
        """Stop whatever is under way."""
        fetches = [self._current] if self._current else []
        while not self._fetches.empty():
            fetches += filter(None, [self._fetches.get_nowait()])
        await asyncio.gather(*(fetch.aclose() for fetch in fetches))
