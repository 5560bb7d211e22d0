"""Where results go: to stdout, or whole into a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from errno import EISDIR
from pathlib import Path

import typer

from ..errors import ConfigurationError

__all__ = ["TEXTS", "check_writable", "format_of", "write", "write_bytes"]

TEXTS = ("txt", "json", "srt", "vtt")
"""What words are written as."""


def format_of(output: Path | None, wanted: str | None, known: Sequence[str] = TEXTS) -> str:
    """Return the format that was named, else that of the file's name, else the first one known.

    Raises typer.BadParameter for a file name that says none of them.
    """
    suffix = output.suffix.lower().removeprefix(".") if output else ""
    if wanted or not suffix:
        return wanted or known[0]
    if suffix not in known:
        raise typer.BadParameter(f"{output}: expected a name that ends in .{', .'.join(known)}, or --format")
    return suffix


def write(text: str, output: Path | None) -> None:
    """Print a text, or write it. Raises ConfigurationError where that cannot be done."""
    if output is None:
        typer.echo(text, nl=False)
    else:
        write_bytes(text.encode(), output)


def check_writable(output: Path | None) -> None:
    """Find out whether a file can be written before anything is done for it. Raises ConfigurationError."""
    if output is None or _is_special(output):
        return
    unfinished = _unfinished(output)
    try:
        if output.is_dir():
            raise IsADirectoryError(EISDIR, "it is a folder")
        unfinished.touch()
        unfinished.unlink()
        return
    except OSError as error:
        reason = _reason(error)
    raise _unwritable(output, reason)


def write_bytes(content: bytes, output: Path) -> None:
    """Write a file whole or not at all. Raises ConfigurationError where that cannot be done."""
    special = _is_special(output)
    unfinished = output if special else _unfinished(output)
    try:
        unfinished.write_bytes(content)
        unfinished.replace(output)
        return
    except OSError as error:
        if not special:
            unfinished.unlink(missing_ok=True)
        reason = _reason(error)
    raise _unwritable(output, reason)


def _is_special(output: Path) -> bool:
    """Tell a pipe or a device."""
    return output.exists() and not output.is_file() and not output.is_dir()


def _unfinished(output: Path) -> Path:
    return output.with_name(f".{output.name}.{os.getpid()}")


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _unwritable(output: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(f"Cannot write {output}: {reason}", code="invalid_option", hint="Choose another with -o")
