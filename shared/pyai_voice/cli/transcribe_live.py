"""``pyai-voice transcribe`` of what is said now: partial results as they come."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import typer

from ..audio import AudioFormat
from ..client import Client
from ..errors import AudioError
from ..events import AudioLost, Connected, Disconnected, HearEvent, Problem, Transcript
from ..hear import HearStream
from ..options import HearOptions, TurnPolicy
from ..rest.audio import Segment
from .microphone import find_microphone
from .results import results
from .running import plain
from .service import service
from .sources import RATE, file_source, stdin_source
from .written import Spoken

__all__ = ["transcribe_live"]

_AHEAD = 0.3
"""Seconds by which audio may be sent before its time."""
_LAST_WORDS = 10.0
"""Seconds for the words that are open at the end."""


async def transcribe_live(
    names: Sequence[str],
    said: dict[str, Any],
    rate: int | None,
    wanted: str,
    output: Path | None,
    base_url: str | None,
    quiet: bool,
) -> None:
    """Transcribe files, stdin (``-``) or, where nothing is named, the microphone. Raises PyAIError and typer.Exit."""
    shown = _Shown(quiet, echo=wanted == "txt" and output is None and len(names) < 2)
    with results(names, wanted, output, echoed=shown.echo) as found:
        async with service(base_url) as client:
            for name in names or [""]:
                try:
                    found.done.append(await _one(client, name, said, rate, shown))
                except AudioError as error:
                    found.failed.append((name, str(error)))


async def _one(client: Client, name: str, said: dict[str, Any], rate: int | None, shown: _Shown) -> Spoken:
    rate, source, stop = await _source(name, rate, shown)
    options = HearOptions(**said, sample_rate=rate, turns=TurnPolicy(authority="cue"))
    segments: list[Segment] = []
    language: str | None = None
    async with aclosing(source), client.hear(options) as stream:
        feeding = asyncio.create_task(_feed(stream, source, AudioFormat(rate), stop))
        try:
            async for event in stream:
                shown.take(event)
                if isinstance(event, Transcript) and event.final:
                    segments.append(Segment(event.text, round(event.start, 3), round(event.end, 3)))
                    language = event.language or language
            await feeding
        finally:
            shown.clear()
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
    return Spoken.of_segments(segments, name, language)


async def _source(name: str, rate: int | None, shown: _Shown) -> tuple[int, AsyncGenerator[bytes], asyncio.Event]:
    """Return rate, samples, and what ends them early."""
    if name == "-":
        return *await stdin_source(rate), asyncio.Event()
    if name:
        return RATE, file_source(name), asyncio.Event()
    microphone = find_microphone()()
    from ..server.serving import on_signal

    shown.say("listening; Ctrl-C ends it")
    return RATE, microphone, on_signal()


async def _feed(stream: HearStream, source: AsyncGenerator[bytes], form: AudioFormat, stop: asyncio.Event) -> None:
    """Send audio, none much before its time, until it ends or is stopped; then wait for the last words."""
    began, sent = asyncio.get_running_loop().time(), 0.0
    stopping = asyncio.create_task(stop.wait())
    try:
        while (pcm := await _next(source, stopping)) is not None:
            sent += form.seconds(len(pcm))
            stream.send_audio(pcm)
            ahead = sent - (asyncio.get_running_loop().time() - began)
            await asyncio.sleep(max(0.0, ahead - _AHEAD))
    finally:
        stopping.cancel()
        await stream.drain(_LAST_WORDS)


async def _next(source: AsyncGenerator[bytes], stopping: asyncio.Task[bool]) -> bytes | None:
    """Return the next audio; None where there is no more."""
    coming = asyncio.ensure_future(anext(source, None))
    try:
        await asyncio.wait([coming, stopping], return_when=asyncio.FIRST_COMPLETED)
        return await coming if coming.done() else None
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


class _Shown:
    """What is seen while somebody speaks: partial results on stderr, whole utterances on stdout."""

    def __init__(self, quiet: bool, *, echo: bool) -> None:
        self.echo = echo
        """Whether utterances go to stdout as they come."""
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._partial = ""

    def take(self, event: HearEvent) -> None:
        """Show an event."""
        match event:
            case Transcript(final=False):
                self._show(plain(event.text))
            case Transcript():
                self.clear()
                if self.echo:
                    typer.echo(plain(event.text))
                elif self._terminal:
                    self.say(plain(event.text))
            case AudioLost():
                self.say(f"{event.seconds:.1f} s of audio were lost")
            case Disconnected() | Problem():
                self.say(plain(str(event.error)))
            case Connected(connection=number) if number > 1:
                self.say("connected again")
            case _:
                pass

    def say(self, what: str) -> None:
        """Say something on stderr, unless it is to be quiet."""
        self.clear()
        if not self._quiet:
            typer.echo(what, err=True)

    def clear(self) -> None:
        """Take the partial result away."""
        if self._partial and self._terminal:
            typer.echo("\r\x1b[K", nl=False, err=True)
        self._partial = ""

    def _show(self, text: str) -> None:
        if self._quiet or text == self._partial:
            return
        self._partial = text
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            typer.echo(f"\r\x1b[K{text[-width:]}", nl=False, err=True)
        else:
            typer.echo(f"... {text}", err=True)
