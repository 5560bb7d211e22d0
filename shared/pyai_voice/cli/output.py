"""Where results go: to stdout, or whole into a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import typer

from ..errors import ConfigurationError

__all__ = ["TEXTS", "format_of", "write", "write_bytes"]

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


def write_bytes(content: bytes, output: Path) -> None:
    """Write a file whole or not at all. Raises ConfigurationError where that cannot be done."""
    special = output.exists() and not output.is_file()  # a pipe or a device
    unfinished = output if special else output.with_name(f".{output.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(output)
    except OSError as error:
        if not special:
            unfinished.unlink(missing_ok=True)
        reason = error.strerror or type(error).__name__
    else:
        return
    raise ConfigurationError(f"Cannot write {output}: {reason}", code="invalid_option", hint="Choose another with -o")
