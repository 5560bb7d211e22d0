"""``pyai-voice transcribe FILE...``: recordings that are sent whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ..client import Client
from ..errors import AudioError, ConfigurationError, RequestError
from ..options import HearOptions
from .output import write, write_bytes
from .running import plain
from .service import service
from .written import Spoken, rendered

__all__ = ["each_written", "failures_told", "transcribe_files"]


async def transcribe_files(
    names: Sequence[str], said: dict[str, Any], wanted: str, output: Path | None, base_url: str | None, quiet: bool
) -> None:
    """Transcribe files. Raises PyAIError, and typer.Exit where a file failed."""
    options = HearOptions(**said)
    done: list[Spoken] = []
    failed: list[tuple[str, str]] = []
    async with service(base_url) as client:
        with _bars(quiet) as bars:
            task = bars.add_task("", total=len(names))
            for name in names:
                bars.update(task, description=Path(name).name)
                try:
                    done.append(await _one(client, name, options))
                except (AudioError, RequestError) as error:
                    failed.append((name, str(error)))
                bars.advance(task)
    each_written(done, wanted, output, several=len(names) > 1)
    failures_told(failed)


async def _one(client: Client, name: str, options: HearOptions) -> Spoken:
    found = await client.audio.transcribe(name, options, response_format="verbose_json")
    return Spoken.of_transcription(found, name)


def each_written(done: Sequence[Spoken], wanted: str, output: Path | None, *, several: bool) -> None:
    """Print or write what was said in one recording, or in several. Raises ConfigurationError."""
    if not several:
        for each in done:
            write(rendered(each, wanted), output)
    elif output is not None:
        _into_folder(done, wanted, output)
    elif wanted == "json":
        typer.echo(json.dumps([asdict(each) for each in done], indent=1, ensure_ascii=False))
    else:
        typer.echo("\n".join(f"== {each.name}\n{each.text}\n" for each in done), nl=False)


def failures_told(failed: Sequence[tuple[str, str]]) -> None:
    """Say what failed. Raises typer.Exit where anything did."""
    for name, reason in failed:
        typer.echo(plain(f"pyai-voice: {name}: {reason}"), err=True)
    if failed:
        raise typer.Exit(1)


def _into_folder(done: Sequence[Spoken], wanted: str, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or type(error).__name__
    else:
        for each in done:
            write_bytes(rendered(each, wanted).encode(), folder / f"{Path(each.name).name}.{wanted}")
        return
    raise ConfigurationError(f"Cannot make the folder {folder}: {reason}", code="invalid_option", hint="Check -o")


def _bars(quiet: bool) -> Progress:
    console = Console(stderr=True, quiet=quiet, highlight=False)
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    shown = console.is_terminal and not quiet
    return Progress(*columns, TimeElapsedColumn(), console=console, transient=True, disable=not shown)
