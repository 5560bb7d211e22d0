"""What was said in one recording or in several: printed, or written where that was found to be possible before."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import typer

from ..errors import ConfigurationError
from .output import check_writable, write
from .running import plain
from .written import Spoken, rendered

__all__ = ["Results", "results"]


@dataclass
class Results:
    """What came of each recording."""

    done: list[Spoken] = field(default_factory=list[Spoken])
    failed: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Name and reason."""


@contextmanager
def results(names: Sequence[str], wanted: str, output: Path | None, *, echoed: bool = False) -> Generator[Results]:
    """Collect results in the block, and print or write them when it ends, however it ends: each may have been paid.

    Several go into the folder ``output``. ``echoed``: they were printed as they came. Raises ConfigurationError at once
    where nothing can be written, and typer.Exit at the end where a recording failed.
    """
    files = _files(names, wanted, output)
    found = Results()
    try:
        yield found
    finally:
        if not echoed:
            _write(found.done, wanted, files, several=len(names) > 1)
    for name, reason in found.failed:
        typer.echo(plain(f"pyai-voice: {name}: {reason}"), err=True)
    if found.failed:
        raise typer.Exit(1)


def _files(names: Sequence[str], wanted: str, output: Path | None) -> dict[str, Path]:
    """Return the file of each name, empty where all is printed. Raises ConfigurationError where there cannot be one."""
    if output is None:
        return {}
    if len(names) < 2:
        check_writable(output)
        return dict.fromkeys(names or [""], output)
    _make_folder(output)
    files = {name: output / f"{Path(name).name}.{wanted}" for name in names}
    taken: dict[Path, str] = {}
    for name, file in files.items():
        if file in taken:
            raise ConfigurationError(
                f"{taken[file]} and {name} would both become {file}",
                code="invalid_option",
                hint="Use a folder for each",
            )
        taken[file] = name
        check_writable(file)
    return files


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return
    except OSError as error:
        reason = error.strerror or type(error).__name__
    raise ConfigurationError(f"Cannot make the folder {folder}: {reason}", code="invalid_option", hint="Check -o")


def _write(done: Sequence[Spoken], wanted: str, files: dict[str, Path], *, several: bool) -> None:
    if files or not several:
        for each in done:
            write(rendered(each, wanted), files.get(each.name))
    elif wanted == "json":
        typer.echo(json.dumps([asdict(each) for each in done], indent=1, ensure_ascii=False))
    else:
        typer.echo("\n".join(f"== {each.name}\n{each.text}\n" for each in done), nl=False)
