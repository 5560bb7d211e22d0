"""Where live audio comes from: a file that is played, stdin, the microphone. All yield pcm16 mono, bit by bit."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import wave
from asyncio import Queue
from collections.abc import AsyncGenerator, Callable
from functools import partial
from io import BytesIO
from pathlib import Path

from ..audio import AudioFormat, SampleAligner
from ..errors import AudioError, ConfigurationError, RequestError

__all__ = ["RATE", "file_source", "stdin_source"]

RATE = 16000
"""Samples a second of what is decoded and recorded here."""
_PIECE = 0.1
"""Seconds."""
_READ = 4096
"""Bytes."""
_MOST_WAITING = 8
"""Pieces that are read before they are wanted."""
_LONGEST_HEADER = 1 << 16
"""Bytes in which the samples of a WAV must begin."""
_LONGEST_FILE = 24 * 3600.0
"""Seconds."""
_STREAMED = 0x7FFF_FF00
"""Bytes from which on a WAV's length is what a program writes that does not know it."""
_REMEDY = "Expected a 16-bit mono WAV; for headerless pcm16 mono say --rate"


async def file_source(name: str) -> AsyncGenerator[bytes]:
    """Yield the samples of any recording at :data:`RATE`. Raises AudioError."""
    pcm = await asyncio.to_thread(_decoded, name)
    size = AudioFormat(RATE).size(_PIECE)
    for start in range(0, len(pcm), size):
        yield pcm[start : start + size]


def _decoded(name: str) -> bytes:
    from ..server.decode import decode

    try:
        return decode(BytesIO(Path(name).read_bytes()), RATE, _LONGEST_FILE)
    except OSError as error:
        complaint = error.strerror or type(error).__name__
    except RequestError as error:
        complaint = error.message.removeprefix("file: ")
    raise AudioError(f"Cannot read {name}: {complaint}", code="invalid_audio")


async def stdin_source(rate: int | None) -> tuple[int, AsyncGenerator[bytes]]:
    """Return the rate and the samples of stdin: bare ones at ``rate``, else of a WAV. Raises AudioError."""
    if sys.stdin.isatty():
        raise ConfigurationError(
            "stdin is a terminal", code="invalid_option", hint="Pipe audio into it, or say --microphone"
        )
    arriving = _arriving()
    if rate is not None:
        return rate, _whole_samples(arriving, None)
    head = b""
    async for piece in arriving:
        head += piece
        if found := _header(head):
            rate, start, length = found
            return rate, _whole_samples(arriving, length, head[start:])
    raise AudioError("stdin is empty or no WAV", code="invalid_audio", hint=_REMEDY)


def _header(head: bytes) -> tuple[int, int, int | None] | None:
    """Return (rate, where the samples begin, their bytes if that is known); None: more is needed to tell."""
    file = BytesIO(head)
    try:
        with wave.open(file) as sound:
            shape = (sound.getnchannels(), sound.getsampwidth())
            rate, size = sound.getframerate(), sound.getnframes() * 2
            start = file.tell()
    except EOFError:
        if len(head) < _LONGEST_HEADER:
            return None
        shape, rate, size, start = (0, 0), 0, 0, 0
    except wave.Error:
        shape, rate, size, start = (0, 0), 0, 0, 0
    if shape != (1, 2) or not 8000 <= rate <= 48000:
        raise AudioError("stdin is no 16-bit mono WAV", code="invalid_audio", hint=_REMEDY)
    return rate, start, None if size == 0 or size >= _STREAMED else size


async def _whole_samples(
    arriving: AsyncGenerator[bytes], length: int | None, first: bytes = b""
) -> AsyncGenerator[bytes]:
    """Yield what arrives in whole samples, no more than ``length`` bytes of it: a WAV may go on with something else."""
    aligner = SampleAligner()
    left = sys.maxsize if length is None else length
    piece = first
    while left > 0:
        if pcm := aligner.feed(piece[:left]):
            yield pcm
        left -= len(piece)
        piece = await anext(arriving, b"")
        if not piece:
            return


async def _arriving() -> AsyncGenerator[bytes]:
    """Yield what comes on stdin. It is read in a thread that nobody waits for, so that Ctrl-C works at any time."""
    pieces: Queue[bytes] = Queue()
    room = threading.Semaphore(_MOST_WAITING)
    hand_over = partial(asyncio.get_running_loop().call_soon_threadsafe, pieces.put_nowait)
    threading.Thread(target=_read, args=(sys.stdin.fileno(), room, hand_over), daemon=True).start()
    while piece := await pieces.get():
        room.release()
        yield piece


def _read(descriptor: int, room: threading.Semaphore, hand_over: Callable[[bytes], object]) -> None:
    piece = b"more"
    while piece and room.acquire():
        try:
            piece = os.read(descriptor, _READ)
        except OSError:
            piece = b""
        try:
            hand_over(piece)
        except RuntimeError:  # the loop is closed: nobody listens any more
            return
