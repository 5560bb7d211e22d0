"""All commands."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import __version__
from .agents import agents
from .calls import calls
from .catalog import models, voices
from .doctor.command import doctor
from .jobs import jobs
from .kb import kb
from .plugins import add_plugins
from .serve import serve
from .speak import speak
from .transcribe import transcribe

__all__ = ["app"]

app = typer.Typer(name="pyai-voice", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
"""The command."""

app.command()(serve)
app.command()(doctor)
app.command(no_args_is_help=True)(speak)
app.command(no_args_is_help=True)(transcribe)
app.command()(voices)
app.command()(models)
app.add_typer(agents, name="agents")
app.add_typer(calls, name="calls")
app.add_typer(jobs, name="jobs")
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
