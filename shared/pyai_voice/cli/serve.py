"""``pyai-voice serve``: the local server."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from .running import Data, Store, run

if TYPE_CHECKING:
    from ..server.settings import Settings

__all__ = ["serve"]


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; the default is reachable from this machine only.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8642,
    data: Data = None,
    store: Store = None,
    max_streams: Annotated[int, typer.Option(min=1, help="Open streams; the next one gets 429.")] = 32,
    stt_model: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of another Moonshine model.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
) -> None:
    """Serve Hear, Speak and Omni with offline engines (English).

    Omni thinks with any OpenAI-compatible model that OPENAI_BASE_URL, OPENAI_API_KEY and OPENAI_MODEL name; without
    them with rules, and says so: it answers from knowledge bases, calls tools and makes nothing up.

    When ready it prints one line to stdout, to be copied into a shell:

        export PYAI_BASE_URL=http://127.0.0.1:8642 PYAI_API_KEY=pyai_test_...

    Without --data, keys and knowledge bases are gone when it ends. Ctrl-C or SIGTERM ends it within 5 seconds; open
    streams get their last words.
    """
    from ..server.settings import Settings

    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    console = Console(stderr=True, quiet=quiet, highlight=False)
    settings = Settings(data=data, knowledge=store, max_streams=max_streams)
    run(_serve(settings, host, port, stt_model, console))


async def _serve(settings: Settings, host: str, port: int, stt_model: Path | None, console: Console) -> None:
    from ..server.claim import claimed
    from ..server.settings import prepare_folder

    prepare_folder(settings.data)
    with claimed(settings.data):
        await _serve_alone(settings, host, port, stt_model, console)


async def _serve_alone(settings: Settings, host: str, port: int, stt_model: Path | None, console: Console) -> None:
    from ..server.brain.choose import choose_brain
    from ..server.engines.load import load_engines
    from ..server.serving import bind, on_signal, running, settle

    brain = choose_brain(os.environ)
    listening = bind(host, port)
    engines = await load_engines(lambda what: console.print(f"loading {what}"), speech_model=stt_model)
    try:
        async with running(engines, settings, listening=listening, brain=brain) as server:
            told = on_signal()
            settle()
            console.print(f"serving on {server.base_url}; Ctrl-C ends it")
            console.print(f"talk to it in a browser: {server.base_url}/playground")
            print(f"export PYAI_BASE_URL={server.base_url} PYAI_API_KEY={server.api_key}", flush=True)
            await told.wait()
            console.print("ending")
    finally:
        await engines.aclose()
        await brain.aclose()
