"""``pyai-voice transcribe``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from .output import format_of
from .running import run
from .service import BaseUrl

__all__ = ["transcribe"]


def transcribe(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE...", help="Recordings; - is stdin, as WAV or with --rate.")
    ] = None,
    microphone: Annotated[bool, typer.Option("--microphone", "-m", help="Listen until Ctrl-C.")] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Play the files to Hear as a caller would: slower, with partial results.")
    ] = False,
    output_format: Annotated[
        Literal["txt", "json", "srt", "vtt"] | None,
        typer.Option("--format", help="Without it as the name of -o says, else txt."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="PATH", help="Write it here; for several files a folder.")
    ] = None,
    rate: Annotated[
        int | None, typer.Option(min=8000, max=48000, help="Samples a second of stdin without header: pcm16 mono.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="ISO 639-1 code; without it the service detects it.")] = None,
    model: Annotated[str | None, typer.Option(help="Recogniser, as `pyai-voice models` lists it.")] = None,
    word: Annotated[
        list[str] | None, typer.Option("--word", metavar="WORD", help="A word to listen for; may be repeated.")
    ] = None,
    base_url: BaseUrl = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no partial results on stderr.")] = False,
) -> None:
    """Write down what is said in recordings, on stdin or into the microphone.

    Files are sent whole. What is live comes as it is said: partial results on stderr, each utterance on stdout. A file
    that cannot be transcribed is said at the end, with exit status 1; the others are done.

        pyai-voice transcribe call.mp3 -o call.srt

        pyai-voice transcribe calls/*.wav --format json -o texts/

        pyai-voice transcribe --microphone

        arecord -q -f S16_LE -r 16000 -t raw | pyai-voice transcribe - --rate 16000
    """
    if microphone == bool(files):
        raise typer.BadParameter("name files, or say --microphone: one of the two")
    names = files or []
    if "-" in names and len(names) > 1:
        raise typer.BadParameter("stdin (-) comes alone")
    if rate is not None and names != ["-"]:
        raise typer.BadParameter("--rate is for stdin (-); a file says its own")
    several = len(names) > 1
    wanted = output_format or "txt" if several else format_of(output, output_format)
    if several and output is None and wanted in ("srt", "vtt"):
        raise typer.BadParameter(f"{wanted} of several files needs a folder: -o FOLDER")
    said: dict[str, Any] = {"language": language, "model": model, "vocabulary": tuple(word or ())}
    said = {name: value for name, value in said.items() if value}
    if microphone or names == ["-"] or live:
        from .transcribe_live import transcribe_live

        run(transcribe_live(names, said, rate, wanted, output, base_url, quiet))
    else:
        from .transcribe_files import transcribe_files

        run(transcribe_files(names, said, wanted, output, base_url, quiet))
