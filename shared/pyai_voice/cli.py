"""The command line, ``pyai-voice``: ``serve`` runs the local server.

It comes with the extra ``server``; without that it says how to install it.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import Annotated

from . import __version__
from .errors import ConfigurationError

try:
    import typer
    from rich.console import Console

    from .server.engines.load import load_engines
    from .server.serving import bind, on_signal, running
    from .server.settings import Settings, prepare_folder
except ModuleNotFoundError as missing:
    sys.exit(f"pyai-voice needs its extra 'server' ({missing.name} is not here): pip install 'pyai-voice[server]'")

__all__ = ["main"]

main = typer.Typer(name="pyai-voice", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
"""The command."""


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pyai-voice {__version__}")
        raise typer.Exit


@main.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """PyAI's voice on this machine: a local server with the same protocol and real engines, offline."""


@main.command()
def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; the default is reachable from this machine only.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8642,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep keys in this folder, so that they outlive the server.")
    ] = None,
    max_streams: Annotated[int, typer.Option(min=1, help="Open streams; the next one gets 429.")] = 32,
    stt_model: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of another Moonshine model.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
) -> None:
    """Serve Hear and Speak with offline engines (English).

    When ready it prints one line to stdout, to be copied into a shell:

        export PYAI_BASE_URL=http://127.0.0.1:8642 PYAI_API_KEY=pyai_test_...

    Ctrl-C or SIGTERM ends it within 5 seconds; open streams get their last words.
    """
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    console = Console(stderr=True, quiet=quiet, highlight=False)
    settings = Settings(data=data, max_streams=max_streams)
    try:
        prepare_folder(settings.data)
        asyncio.run(_serve(settings, host, port, stt_model, console))
    except ConfigurationError as error:
        complaint = str(error)
    else:
        return
    typer.echo(f"pyai-voice: {complaint}", err=True)
    raise typer.Exit(1)


async def _serve(settings: Settings, host: str, port: int, stt_model: Path | None, console: Console) -> None:
    listening = bind(host, port)
    engines = await load_engines(lambda what: console.print(f"loading {what}"), speech_model=stt_model)
    try:
        async with running(engines, settings, listening=listening) as server:
            told = on_signal()
            console.print(f"serving on {server.base_url}; Ctrl-C ends it")
            print(f"export PYAI_BASE_URL={server.base_url} PYAI_API_KEY={server.api_key}", flush=True)
            await told.wait()
            console.print("ending")
    finally:
        await engines.aclose()


if __name__ == "__main__":
    main()
