"""Speak for LiveKit Agents: ``pyai.TTS`` and its streams.

Above: a LiveKit AgentSession. Below: :class:`pyai_voice.speak.SpeakClient`, which has warm connections and tries a
refused request again. A whole text goes through :class:`ChunkedStream`; text that is still being written through
:class:`SynthesizeStream`, sentence by sentence, the next one fetched while one plays.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from typing import Any, Never, TypedDict, Unpack

import aiohttp
from livekit.agents import (
    DEFAULT_API_CONNECT_OPTIONS,
    NOT_GIVEN,
    APIConnectOptions,
    APIError,
    NotGivenOr,
    tokenize,
    tts,
    utils,
)
from livekit.agents.utils import is_given

from pyai_voice.client import Client
from pyai_voice.errors import ConfigurationError
from pyai_voice.options import SpeakOptions
from pyai_voice.speak import SpeakClient

from ._arguments import client_of, given
from ._speech import Fetch, Output, SpeechLine, pieces, pour, speakable
from .log import logger

__all__ = ["TTS", "ChunkedStream", "SpeakSettings", "SynthesizeStream"]

_RETRY_WINDOW = 4.0
"""Seconds within which the core may try a refused request again: more silence than that is worse than an error."""

_TOKENIZED = 400
"""Characters that are given to the tokenizer at once."""


class SpeakSettings(TypedDict, total=False):
    """What :class:`TTS` takes and :meth:`TTS.update_options` changes."""

    voice: str
    """A voice id (``GET /v1/voices``) or an OpenAI name; absent: the account's default."""
    model: str
    """``pyai-speak``."""
    speed: float
    """0.25 to 4.0; sent only when set."""
    seed: int
    """Sent only when set."""
    temperature: float
    """0 to 2; sent only when set."""


class TTS(tts.TTS[Never]):
    """PyAI Speak. One object serves any number of sessions; close it with :meth:`aclose`.

    Raises ValueError for a missing key or a wrong option. ``client`` comes in the place of ``api_key`` and
    ``base_url``, so that a process has one pool of connections; it stays open. ``http_session`` is accepted and not
    used: the core has its own warm connections.
    """

    def __init__(
        self,
        *,
        api_key: NotGivenOr[str | None] = NOT_GIVEN,
        base_url: NotGivenOr[str | None] = NOT_GIVEN,
        sample_rate: int = 24000,
        client: Client | None = None,
        http_session: aiohttp.ClientSession | None = None,
        tokenizer: NotGivenOr[tokenize.SentenceTokenizer | None] = NOT_GIVEN,
        insecure: bool = False,
        **settings: Unpack[SpeakSettings],
    ) -> None:
        self._options = _speak_options(SpeakOptions(sample_rate=sample_rate), given(settings, SpeakSettings))
        super().__init__(capabilities=tts.TTSCapabilities(streaming=True), sample_rate=sample_rate, num_channels=1)
        self._client = client_of(client, api_key, base_url, insecure)
        self._speaker = self._client.speaker(retry_window=_RETRY_WINDOW)
        self._tokenizer = (tokenizer if is_given(tokenizer) else None) or tokenize.blingfire.SentenceTokenizer()
        self._streams: weakref.WeakSet[ChunkedStream | SynthesizeStream] = weakref.WeakSet()
        self._warming: asyncio.Task[bool] | None = None

    @property
    def model(self) -> str:
        """Name of the synthesiser."""
        return self._options.model

    @property
    def provider(self) -> str:
        """``PyAI``, or the provider of the endpoint."""
        return self._client.endpoint.provider.name

    def synthesize(self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS) -> ChunkedStream:
        """Speak one text in one request."""
        stream = ChunkedStream(
            tts=self, client=self._speaker, options=self._options, input_text=text, conn_options=conn_options
        )
        self._streams.add(stream)
        return stream

    def stream(self, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS) -> SynthesizeStream:
        """Speak text while it is being written."""
        stream = SynthesizeStream(
            tts=self,
            client=self._speaker,
            options=self._options,
            tokenizer=self._tokenizer,
            conn_options=conn_options,
        )
        self._streams.add(stream)
        return stream

    def update_options(self, **settings: Unpack[SpeakSettings]) -> None:
        """Change options for what is spoken from now on. Raises ValueError for a wrong value."""
        self._options = _speak_options(self._options, given(settings, SpeakSettings))

    def prewarm(self) -> None:
        """Open a connection in the background; without a running loop there is nothing to keep it."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if self._warming is None or self._warming.done():
            self._warming = loop.create_task(self._speaker.prewarm(), name="pyai-speak-prewarm")

    async def aclose(self) -> None:
        """Stop everything that speaks, and close all connections."""
        if self._warming is not None:
            await utils.aio.cancel_and_wait(self._warming)
        await asyncio.gather(*(stream.aclose() for stream in list(self._streams)))
        await self._client.aclose()


class ChunkedStream(tts.ChunkedStream):
    """One text, one request. LiveKit tries again only while nothing was heard."""

    def __init__(
        self, *, tts: TTS, client: SpeakClient, options: SpeakOptions, input_text: str, conn_options: APIConnectOptions
    ) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType] - LiveKit leaves its TTS's type argument open
            tts=tts, input_text=input_text, conn_options=conn_options
        )
        self._client = client
        self._options = options

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output = Output(output_emitter, self._options.sample_rate)
        if self._input_text.strip() and not speakable(self._input_text):
            output.close(silent=True)
            return
        failure = await pour(self._client, self._input_text, self._options, self._conn_options.timeout, output.push)
        if failure is not None:
            failure.retryable &= not output.heard
            raise failure
        output.close()


class SynthesizeStream(tts.SynthesizeStream):
    """One reply: its sentences in order, each a request of its own, as one segment."""

    def __init__(
        self,
        *,
        tts: TTS,
        client: SpeakClient,
        options: SpeakOptions,
        tokenizer: tokenize.SentenceTokenizer,
        conn_options: APIConnectOptions,
    ) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType] - LiveKit leaves its TTS's type argument open
            tts=tts, conn_options=conn_options
        )
        self._speaker = tts
        self._client = client
        self._options = options
        self._tokenizer = tokenizer

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output = Output(output_emitter, self._options.sample_rate, segmented=True)
        line = SpeechLine(self._client, self._options, self._conn_options.timeout)
        sentences = self._tokenizer.stream()
        helpers = [asyncio.create_task(self._feed(sentences)), asyncio.create_task(self._dispatch(sentences, line))]
        try:
            async for fetch in line:
                await self._play(fetch, output)
            await asyncio.gather(*helpers)
        finally:
            await utils.aio.cancel_and_wait(*helpers)
            await line.aclose()
            await sentences.aclose()
        output.close(silent=bool(self._pushed_text.strip()))

    async def _feed(self, sentences: tokenize.SentenceStream) -> None:
        try:
            async for part in self._input_ch:
                if isinstance(part, str):
                    await _push(sentences, part)
                else:
                    sentences.flush()
        finally:
            sentences.end_input()

    async def _dispatch(self, sentences: tokenize.SentenceStream, line: SpeechLine) -> None:
        try:
            async for sentence in sentences:
                for text in pieces(sentence.token):
                    self._mark_started()
                    await line.put(text)
        finally:
            line.end()

    async def _play(self, fetch: Fetch, output: Output) -> None:
        """Pass one sentence on. What failed unheard after other sentences is left out; any other failure ends it."""
        heard_before, heard = output.heard, False
        async for pcm in fetch:
            heard = True
            output.push(pcm, fetch.request_id)
        if fetch.failure is None:
            return
        if heard or not heard_before:
            fetch.failure.retryable &= not output.heard
            raise fetch.failure
        logger.warning("A sentence could not be spoken and is left out: %s", fetch.failure)
        self._complain(fetch.failure)

    def _complain(self, error: APIError) -> None:
        """Tell the application what the reply survives."""
        self._speaker.emit(
            "error", tts.TTSError(timestamp=time.time(), label=self._speaker.label, error=error, recoverable=True)
        )


async def _push(sentences: tokenize.SentenceStream, text: str) -> None:
    """Give text to the tokenizer in pieces: for every sentence it finds, it reads again all that it holds."""
    for start in range(0, len(text), _TOKENIZED):
        sentences.push_text(text[start : start + _TOKENIZED])
        if start:
            await asyncio.sleep(0)


def _speak_options(options: SpeakOptions, changes: dict[str, Any]) -> SpeakOptions:
    if changes.get("voice") == "":
        raise ConfigurationError("voice: empty", code="invalid_option", hint="List the voices with GET /v1/voices")
    return options.replace(**changes)
