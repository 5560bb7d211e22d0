"""``pyai-voice speak``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ConfigurationError
from .output import check_writable, format_of, write_bytes
from .running import run
from .service import BaseUrl, service

if TYPE_CHECKING:
    from ..client import Client
    from ..options import SpeakOptions

__all__ = ["speak"]

_FORMATS = ("wav", "mp3", "opus", "flac", "aac", "pcm")


def speak(
    text: Annotated[str, typer.Argument(help="What is said; - reads it from stdin.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help=f"Write it instead of playing it; the name ends in {_FORMATS}."
        ),
    ] = None,
    voice: Annotated[str | None, typer.Option(help="Voice, as `pyai-voice voices` lists it.")] = None,
    rate: Annotated[
        int, typer.Option(min=8000, max=48000, help="Samples a second of wav and pcm, and of what is played.")
    ] = 24000,
    speed: Annotated[float | None, typer.Option(min=0.25, max=4.0, help="1 is normal.")] = None,
    model: Annotated[str | None, typer.Option(help="Synthesiser, as `pyai-voice models` lists it.")] = None,
    base_url: BaseUrl = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
) -> None:
    """Say a text: play it as it comes, or write it to a file.

    It is played by the first of ffplay, aplay, paplay and afplay that is here; pcm is 16-bit little-endian mono.

        pyai-voice speak "Good morning."

        pyai-voice speak -o hello.mp3 --voice stock_emma_en_gb "Good morning."

        cat letter.txt | pyai-voice speak - -o letter.wav
    """
    wanted = format_of(output, None, _FORMATS)
    words = (_stdin() if text == "-" else text).strip()
    said: dict[str, Any] = {"voice": voice, "speed": speed, "sample_rate": rate, "model": model}
    run(
        _speak(
            words, {name: value for name, value in said.items() if value is not None}, wanted, output, base_url, quiet
        )
    )


def _stdin() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    raise typer.BadParameter("stdin is no text in UTF-8")


async def _speak(
    text: str, said: dict[str, Any], wanted: str, output: Path | None, base_url: str | None, quiet: bool
) -> None:
    from ..options import SpeakOptions
    from .player import find_player
    from .progress import working

    if not text:
        raise ConfigurationError("There is nothing to say", code="invalid_option", hint="Give a text, or - for stdin")
    check_writable(output)
    player = None if output else find_player()
    fields: dict[str, Any] = {**said, "response_format": "pcm" if wanted == "wav" else wanted}
    options = SpeakOptions(**fields)
    async with service(base_url) as client:
        with working("speaking", quiet):
            if player is None:
                await _save(client, text, options, wanted, output)
            else:
                await player.play(client.speak(text, options.replace(response_format="pcm")), options.sample_rate)


async def _save(client: Client, text: str, options: SpeakOptions, wanted: str, output: Path | None) -> None:
    from ..audio import AudioFormat, wav_bytes

    audio = await client.speaker().speak(text, options)
    if wanted == "wav":  # made here: the service writes its header before it knows the length
        audio = wav_bytes(audio, AudioFormat(options.sample_rate))
    if output is not None:
        write_bytes(audio, output)
