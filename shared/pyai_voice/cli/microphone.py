"""The microphone: through sounddevice where it is installed and works, else through a program that records."""

from __future__ import annotations

import asyncio
import shutil
from asyncio import AbstractEventLoop, Queue
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

from ..audio import AudioFormat, SampleAligner
from ..errors import ConfigurationError
from .sources import RATE

__all__ = ["find_microphone"]

Microphone = Callable[[], AsyncGenerator[bytes]]

_PIECE = 0.05
"""Seconds."""
_MOST_WAITING = 200
"""Pieces that wait to be sent; what is spoken beyond them is lost."""
_RECORDERS = {
    "arecord": ("-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", str(RATE)),
    "parec": ("--raw", "--format=s16le", "--channels=1", f"--rate={RATE}"),
}
_HINT = "pip install sounddevice (with PortAudio), or install alsa-utils (arecord) or pulseaudio-utils (parec)"


def find_microphone() -> Microphone:
    """Return what yields pcm16 mono at 16 kHz as it is spoken. Raises ConfigurationError where nothing records."""
    try:
        sounddevice = import_module("sounddevice")
    except (ImportError, OSError):  # OSError: PortAudio is not here
        return _recorder()
    return lambda: _from_sounddevice(sounddevice)


def _recorder() -> Microphone:
    for name, arguments in _RECORDERS.items():
        if program := shutil.which(name):
            return lambda: _from_program(program, arguments)
    raise ConfigurationError("There is nothing here that records", code="no_microphone", hint=_HINT)


async def _from_program(program: str, arguments: tuple[str, ...]) -> AsyncGenerator[bytes]:
    process = await asyncio.create_subprocess_exec(
        program, *arguments, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, start_new_session=True
    )
    assert process.stdout is not None
    aligner = SampleAligner()
    try:
        while chunk := await process.stdout.read(AudioFormat(RATE).size(_PIECE)):
            if pcm := aligner.feed(chunk):
                yield pcm
        status = await process.wait()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()
    if status:
        raise ConfigurationError(
            f"{program} cannot record: it ended with status {status}", code="no_microphone", hint=_HINT
        )


async def _from_sounddevice(sounddevice: Any) -> AsyncGenerator[bytes]:
    pieces: Queue[bytes] = Queue(_MOST_WAITING)
    taken = _Taken(pieces, asyncio.get_running_loop())
    settings = {"samplerate": RATE, "channels": 1, "dtype": "int16", "blocksize": round(RATE * _PIECE)}
    try:
        recording = sounddevice.RawInputStream(callback=taken, **settings)
    except (sounddevice.PortAudioError, ValueError) as error:
        complaint = str(error)
    else:
        with recording:
            while True:
                yield await pieces.get()
    raise ConfigurationError(f"The microphone cannot be opened: {complaint}", code="no_microphone", hint=_HINT)


class _Taken:
    """Takes what PortAudio's own thread hands over."""

    def __init__(self, pieces: Queue[bytes], loop: AbstractEventLoop) -> None:
        self._pieces = pieces
        self._loop = loop

    def __call__(self, samples: Any, frames: int, time: Any, status: Any) -> None:
        piece = bytes(samples)
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._put, piece)

    def _put(self, piece: bytes) -> None:
        if not self._pieces.full():
            self._pieces.put_nowait(piece)
