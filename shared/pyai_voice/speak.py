"""Speak: text in, audio out, as it is made.

Above: hosts. Below: http (connections), retry (when to try again), protocol.speak (what is asked and what is accepted).

    async with SpeakClient(endpoint) as client:
        async with client.stream("Hello.", SpeakOptions(sample_rate=16000)) as speech:
            async for pcm in speech:
                play(pcm)
"""

from __future__ import annotations

import functools
import json
import logging
import re
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Self

from .audio import AudioFormat, Resampler, SampleAligner, wav_bytes
from .errors import ProtocolError, PyAIError, RateLimitError, ServerError
from .exchange import NOT_PYAI, NOTHING_SENT, Timeouts
from .http import LARGEST_ERROR, HttpClient, Reply, fault_error
from .options import Endpoint, SpeakOptions, SpeechFormat
from .protocol import speak as protocol
from .protocol.envelope import read_fault
from .retry import retried

__all__ = ["SpeakClient", "Speech"]

LARGEST_AUDIO = 512 * 1024 * 1024
"""Bytes that :meth:`SpeakClient.speak` collects at most: three hours of pcm at 24 kHz."""

_logger = logging.getLogger(__name__)


class SpeakClient:
    """Speaks through one endpoint over a pool of warm connections.

    All times are seconds. A request is tried again within ``retry_window`` on a refused connection, 429 and 5xx, and
    only while no audio has come; once it has, a fault is an error, so that no sample is ever heard twice.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        connect_timeout: float = 5.0,
        first_byte_timeout: float = 3.0,
        gap_timeout: float = 3.0,
        retry_window: float = 10.0,
    ) -> None:
        timeouts = Timeouts(connect_timeout, first_byte_timeout, gap_timeout)
        self._http = HttpClient(endpoint, timeouts, window=retry_window)

    @classmethod
    def over(cls, http: HttpClient) -> Self:
        """Return one that speaks over connections that are there already."""
        client = cls.__new__(cls)
        client._http = http
        return client

    @property
    def endpoint(self) -> Endpoint:
        """Where it speaks."""
        return self._http.endpoint

    @asynccontextmanager
    async def stream(self, text: str, options: SpeakOptions | None = None) -> AsyncGenerator[Speech]:
        """Open a :class:`Speech`: entered when its first audio is there, closed at the end of the block.

        Leaving the block early, also by cancellation, drops the connection at once, and the server stops.
        Raises PyAIError: ConfigurationError (nothing was sent), StalledError, ConnectivityError, ServiceError, or
        ProtocolError when what comes is not the audio that was asked for.
        """
        options = options or SpeakOptions()
        body = protocol.speech_request(text, options, self.endpoint.provider)
        attempt = functools.partial(self._attempt, body, options)
        speech = await retried(attempt, self.endpoint, self._http.window, _may_repeat)
        try:
            yield speech
        finally:
            await speech.aclose()

    async def speak(self, text: str, options: SpeakOptions | None = None) -> bytes:
        """Return the whole audio in any of the formats; raises what :meth:`stream` raises.

        A wav in a rate that the provider does not have is made of resampled pcm.
        """
        options = options or SpeakOptions()
        if options.response_format == "wav" and options.sample_rate not in self.endpoint.provider.pcm_rates:
            pcm = await self.speak(text, options.replace(response_format="pcm"))
            return wav_bytes(pcm, AudioFormat(options.sample_rate))
        audio = bytearray()
        async with self.stream(text, options) as speech:
            async for chunk in speech:
                audio += chunk
                if len(audio) > LARGEST_AUDIO:
                    raise ProtocolError(f"The server sent more than {LARGEST_AUDIO >> 20} MB for one text")
        return bytes(audio)

    async def prewarm(self) -> bool:
        """Open a connection, so that the first words need not wait for one; tell whether the server answered."""
        return await self._http.prewarm()

    async def aclose(self) -> None:
        """Close all connections, also of speech that is still coming; harmless when called again."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _attempt(self, body: dict[str, Any], options: SpeakOptions) -> Speech:
        reply = await self._http.open(
            "POST", protocol.PATH, content=json.dumps(body), headers={"Content-Type": "application/json"}
        )
        async with AsyncExitStack() as stack:
            stack.push_async_callback(reply.aclose)
            if error := await _misfit(reply, options.response_format):
                raise error
            stack.pop_all()
        return Speech(reply, options, _sent_rate(reply, body.get("sample_rate"), self.endpoint))


class Speech:
    """The audio of one text, while it comes. Iterate it once; pcm comes in whole samples, never an empty piece."""

    def __init__(self, reply: Reply, options: SpeakOptions, sent_rate: int) -> None:
        self.request_id = reply.request_id
        """The server's name for the request, for support."""
        self.format: SpeechFormat = options.response_format
        self.sample_rate = protocol.yielded_rate(options)
        """Samples a second of pcm, wav and g711; None for the formats that say it themselves."""
        self._reply = reply
        self._pcm = _PcmConverter(sent_rate, options.sample_rate) if options.response_format == "pcm" else None
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Return the next audio. Raises StalledError or ConnectivityError if it breaks off; then it has ended."""
        while not self._ended:
            audio = await self._next()
            if audio:
                return audio
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Stop: no more audio, and the server sees the connection close. Harmless when called again."""
        self._ended = True
        self._pcm = None
        await self._reply.aclose()

    async def _next(self) -> bytes:
        self._ended = True  # and stays so if the next line raises
        chunk = await self._reply.chunk()
        self._ended = not chunk
        return self._pcm.feed(chunk) if self._pcm else chunk


class _PcmConverter:
    """Whole samples in the wanted rate, whatever the chunking; an empty chunk is the end."""

    def __init__(self, source: int, target: int) -> None:
        self._aligner = SampleAligner()
        self._resampler = Resampler(source, target)

    def feed(self, chunk: bytes) -> bytes:
        if not chunk and self._aligner.pending:
            _logger.warning("The audio ended in the middle of a sample; its first half was dropped")
        return self._resampler.feed(self._aligner.feed(chunk), last=not chunk)


async def _misfit(reply: Reply, response_format: SpeechFormat) -> PyAIError | None:
    head = await reply.peek(protocol.HEAD)
    if protocol.is_json(reply.media_type, head):
        fault = read_fault(await reply.beginning(LARGEST_ERROR), reply.headers)
        if fault.code or fault.message:
            return fault_error(fault, reply)
        came = "JSON"
    else:
        came = protocol.misfit(response_format, reply.media_type, head)
    if not came:
        return None
    return ProtocolError(
        f"Asked for {response_format}, the server sent {came}", hint=NOT_PYAI, request_id=reply.request_id
    )


def _sent_rate(reply: Reply, asked: int | None, endpoint: Endpoint) -> int:
    said = reply.headers.get("x-pyai-sample-rate", "")
    if re.fullmatch("[0-9]{4,5}", said) and 8000 <= int(said) <= 48000:
        return int(said)
    return asked or endpoint.provider.native_rate(24000)


def _may_repeat(error: PyAIError) -> bool:
    if not error.retryable:
        return False
    return isinstance(error, RateLimitError | ServerError) or error.code in NOTHING_SENT
