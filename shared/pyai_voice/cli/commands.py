"""All commands."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import __version__
from .kb import kb
from .plugins import add_plugins
from .serve import serve

__all__ = ["app"]

app = typer.Typer(name="pyai-voice", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
"""The command."""

app.command()(serve)
app.add_typer(kb, name="kb")
add_plugins(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pyai-voice {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """PyAI's voice on this machine: a local server with the same protocol and real engines, offline."""
