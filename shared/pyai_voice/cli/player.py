"""Plays audio through a program of this machine."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..audio import AudioFormat, wav_bytes
from ..errors import ConfigurationError, StalledError
from ..speak import Speech

__all__ = ["Player", "find_player"]

_STREAMED = 0xFFFF_FF00
"""Bytes: what a WAV header says whose length nobody knows yet."""
_PATIENCE = 10.0
"""Seconds in which a player must take some audio, or end after the last."""
_PLAYERS = {
    "ffplay": ("-nodisp", "-autoexit", "-loglevel", "error", "-i", "-"),
    "aplay": ("-q", "-"),
    "paplay": ("--raw", "--format=s16le", "--channels=1", "--rate={rate}"),
    "afplay": ("{file}",),
}
"""Arguments: those that read a WAV from stdin; paplay reads samples, afplay a file."""


@dataclass(frozen=True, slots=True)
class Player:
    """A program that plays."""

    program: str
    arguments: tuple[str, ...]

    async def play(self, opening: AbstractAsyncContextManager[Speech], rate: int) -> None:
        """Play pcm as it comes and return when it has been heard. Raises PyAIError."""
        async with opening as speech:
            if "{file}" in self.arguments:
                await self._play_file(b"".join([pcm async for pcm in speech]), rate)
            else:
                await self._stream(speech, rate)

    async def _stream(self, speech: AsyncIterator[bytes], rate: int) -> None:
        arguments = [argument.format(rate=rate) for argument in self.arguments]
        played = 0.0
        async with self._running(arguments) as process:
            if "--raw" not in arguments:
                await self._feed(process, _header(rate))
            async for pcm in speech:
                played += AudioFormat(rate).seconds(len(pcm))
                await self._feed(process, pcm)
            await self._end(process, played)

    async def _play_file(self, pcm: bytes, rate: int) -> None:
        with tempfile.TemporaryDirectory(prefix="pyai-voice-") as folder:
            file = Path(folder, "speech.wav")
            await asyncio.to_thread(file.write_bytes, wav_bytes(pcm, AudioFormat(rate)))
            async with self._running([argument.format(file=file) for argument in self.arguments]) as process:
                await self._end(process, AudioFormat(rate).seconds(len(pcm)))

    @asynccontextmanager
    async def _running(self, arguments: Sequence[str]) -> AsyncGenerator[Process]:
        process = await asyncio.create_subprocess_exec(
            self.program, *arguments, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL
        )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.communicate(b"")

    async def _feed(self, process: Process, audio: bytes) -> None:
        assert process.stdin is not None
        try:
            process.stdin.write(audio)
            async with asyncio.timeout(_PATIENCE):
                await process.stdin.drain()
        except (TimeoutError, ConnectionError):
            complaint = self._complaint("it takes no audio")
        else:
            return
        raise complaint

    async def _end(self, process: Process, seconds: float) -> None:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(seconds + _PATIENCE):
                status = await process.wait()
        except TimeoutError:
            status = None
        if status is None:
            raise StalledError(f"{self.program} does not end", code="cannot_play", hint=_ELSE)
        if status:
            raise self._complaint(f"it ended with status {status}")

    def _complaint(self, what: str) -> ConfigurationError:
        return ConfigurationError(f"{Path(self.program).name} cannot play: {what}", code="cannot_play", hint=_ELSE)


def find_player() -> Player:
    """Return the first player that is installed. Raises ConfigurationError where there is none."""
    for name, arguments in _PLAYERS.items():
        if program := shutil.which(name):
            return Player(program, arguments)
    raise ConfigurationError(
        f"There is nothing here that plays audio ({', '.join(_PLAYERS)})", code="no_player", hint=_ELSE
    )


_ELSE = "Write a file with -o speech.wav, or install ffmpeg (ffplay) or alsa-utils (aplay)"


def _header(rate: int) -> bytes:
    """Return the header of a WAV without an end."""
    head = bytearray(wav_bytes(b"", AudioFormat(rate)))
    head[4:8] = (_STREAMED + 36).to_bytes(4, "little")
    head[40:44] = _STREAMED.to_bytes(4, "little")
    return bytes(head)
