"""What every command shares: where things are kept, and how trouble ends a command."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from ..errors import PyAIError

__all__ = ["Data", "Store", "complain", "counted", "plain", "run"]

Result = TypeVar("Result")

Data = Annotated[
    Path | None,
    typer.Option(metavar="DIR", envvar="PYAI_DATA", help="Folder for keys and knowledge bases, made if need be."),
]
Store = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        envvar="PYAI_STORE",
        help="Where knowledge bases are instead: postgres://..., or a file. A password belongs into PYAI_STORE.",
    ),
]


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Return what the work returns; an error is one sentence on stderr and exit status 1, Ctrl-C is 130."""
    try:
        return asyncio.run(work)
    except PyAIError as error:
        complaint = str(error)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    complain(complaint)


def complain(complaint: str) -> NoReturn:
    """Say what is wrong and end with status 1."""
    typer.echo(f"pyai-voice: {plain(complaint)}", err=True)
    raise typer.Exit(1)


def plain(text: str) -> str:
    """Return a text, which may be a server's, without anything that a terminal would obey."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "\N{REPLACEMENT CHARACTER}" for sign in text)


def counted(number: int, thing: str) -> str:
    """Return "1 document", "2 documents"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
