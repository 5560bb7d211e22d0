"""A stream of ``livekit.plugins.pyai.STT``: ours or the official one, whichever is installed."""

from __future__ import annotations

import asyncio

import aiohttp
from livekit import rtc
from livekit.agents.stt import RecognizeStream, SpeechEventType
from livekit.plugins import pyai

from ..hear_server import CHUNK, RATE
from .caller import KEY, Heard

__all__ = ["open_line"]


class LiveKitLine:
    """One stream of one STT."""

    def __init__(self, stream: RecognizeStream, session: aiohttp.ClientSession, heard: Heard) -> None:
        self._stream = stream
        self._session = session
        self._task = asyncio.create_task(self._read(heard))

    async def _read(self, heard: Heard) -> None:
        async for event in self._stream:
            if event.type is SpeechEventType.INTERIM_TRANSCRIPT and event.alternatives[0].text != "that was it":
                heard(event.alternatives[0].text)

    async def send(self, pcm: bytes) -> None:
        """Push a frame."""
        self._stream.push_frame(rtc.AudioFrame(pcm, RATE, 1, CHUNK // 2))

    async def begin(self) -> None:
        """Nothing to do."""

    async def commit(self) -> None:
        """Flush, which both packages take as a commit."""
        self._stream.flush()

    async def close(self) -> None:
        """Close the stream and its session."""
        await self._stream.aclose()
        await self._task
        await self._session.close()


async def open_line(base_url: str, heard: Heard) -> LiveKitLine:
    """Open a stream; it connects in the background."""
    session = aiohttp.ClientSession()
    stt = pyai.STT(api_key=KEY, base_url=base_url, http_session=session)
    return LiveKitLine(stt.stream(), session, heard)
