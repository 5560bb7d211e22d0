"""``pyai-voice transcribe FILE...``: recordings that are sent whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ..client import Client
from ..errors import AudioError, RequestError
from ..options import HearOptions
from .results import results
from .service import service
from .written import Spoken

__all__ = ["transcribe_files"]


async def transcribe_files(
    names: Sequence[str], said: dict[str, Any], wanted: str, output: Path | None, base_url: str | None, quiet: bool
) -> None:
    """Transcribe files. Raises PyAIError, and typer.Exit where a file failed."""
    options = HearOptions(**said)
    with results(names, wanted, output) as found:
        async with service(base_url) as client:
            with _bars(quiet) as bars:
                task = bars.add_task("", total=len(names))
                for name in names:
                    bars.update(task, description=Path(name).name)
                    try:
                        found.done.append(await _one(client, name, options))
                    except (AudioError, RequestError) as error:
                        found.failed.append((name, str(error)))
                    bars.advance(task)


async def _one(client: Client, name: str, options: HearOptions) -> Spoken:
    found = await client.audio.transcribe(name, options, response_format="verbose_json")
    return Spoken.of_transcription(found, name)


def _bars(quiet: bool) -> Progress:
    console = Console(stderr=True, quiet=quiet, highlight=False)
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    shown = console.is_terminal and not quiet
    return Progress(*columns, TimeElapsedColumn(), console=console, transient=True, disable=not shown)
