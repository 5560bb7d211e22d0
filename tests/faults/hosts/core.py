"""No framework at all: a Hear stream and a Speak client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pyai_voice.errors import PyAIError
from pyai_voice.events import HearEvent, Problem, SpeechStarted, Transcript, TurnEnded
from pyai_voice.hear import HearStream
from pyai_voice.options import Endpoint, HearOptions, SpeakOptions
from pyai_voice.speak import SpeakClient

from .facts import END, ERROR, FINAL, START, Facts

__all__ = ["core_bot"]


class CoreBot:
    def __init__(self, stream: HearStream, client: SpeakClient, options: SpeakOptions) -> None:
        self.facts = Facts()
        self._stream = stream
        self._client = client
        self._options = options
        self._speaking = False

    async def hear(self, frame: bytes) -> None:
        if not self._stream.closed:
            self._stream.send_audio(frame)

    async def commit(self) -> None:
        self._stream.commit()

    async def say(self, text: str) -> None:
        self._saying = asyncio.create_task(self._say(text))
        await asyncio.wait([self._saying])

    async def interrupt(self) -> None:
        self._saying.cancel()

    async def _say(self, text: str) -> None:
        try:
            async with self._client.stream(text, self._options) as speech:
                async for pcm in speech:
                    self.facts.hear(pcm)
        except PyAIError as error:
            self.facts.note(ERROR, error)

    async def listen(self) -> None:
        try:
            async for event in self._stream:
                self._note(event)
        except PyAIError as error:
            self.facts.note(ERROR, error)

    def _note(self, event: HearEvent) -> None:
        match event:
            case SpeechStarted():
                self._speaking = True
                self.facts.note(START)
            case Transcript(final=True, text=text):
                self.facts.note(FINAL, text)
            case TurnEnded() if self._speaking:  # else it answers a commit with nothing
                self._speaking = False
                self.facts.note(END)
            case Problem(error=error):
                self.facts.note(ERROR, error)
            case _:
                pass


@asynccontextmanager
async def core_bot(
    base_url: str, api_key: str, *, commits: bool = False, language: str = "", voice: str = "stock_ramp"
) -> AsyncIterator[CoreBot]:
    """Run both; who commits when is up to the caller here."""
    endpoint = Endpoint.from_env(api_key, base_url)
    async with HearStream(endpoint, HearOptions(language=language)) as stream, SpeakClient(endpoint) as client:
        bot = CoreBot(stream, client, SpeakOptions(voice=voice))
        listening = asyncio.create_task(bot.listen())
        try:
            yield bot
        finally:
            await stream.aclose()
            await listening
