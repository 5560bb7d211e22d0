"""``pyai-voice openai``: serve OpenAI's clients from the command line. Needs the extra ``server`` of pyai-voice.

Keys come from the environment alone, so that no list of processes shows them.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import AsyncExitStack, aclosing
from typing import Annotated, Literal

import typer

from pyai_voice.cli.running import run
from pyai_voice.client import Client
from pyai_voice.errors import ConfigurationError
from pyai_voice.options import Endpoint
from pyai_voice.provider import AUDIOPOD, PYAI, Provider
from pyai_voice.server.local import require_loopback
from pyai_voice.server.serving import bind, on_signal, serving, settle
from pyai_voice.server.settings import Settings

from .access import Access, OwnKey, PassThrough
from .app import create_app
from .names import VOICES
from .options import FrontOptions

__all__ = ["app"]

FRONT_KEY = "OPENAI_FRONT_KEY"
_HOW = f"Set {FRONT_KEY} to 16 characters or more, or say --pass-through"
_PROVIDERS = {"pyai": PYAI, "audiopod": AUDIOPOD}

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
"""The commands."""


@app.callback()
def _root() -> None:
    """PyAI, or AudioPod, for clients of OpenAI's audio API."""


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8645,
    provider: Annotated[Literal["pyai", "audiopod"], typer.Option(help="The service behind it.")] = "pyai",
    pass_through: Annotated[
        bool, typer.Option("--pass-through", help="Ask the service with the key that each client shows.")
    ] = False,
    voice: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VOICE", help="Which voice stands behind a name; as often as wanted."),
    ] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Ask for no key; for this machine alone.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines for requests that went well.")] = False,
) -> None:
    """Serve OpenAI's clients until Ctrl-C or SIGTERM; prints the base URL for them when it is ready.

    PYAI_API_KEY and PYAI_BASE_URL (AUDIOPOD_API_KEY, AUDIOPOD_BASE_URL) say where the service is. OPENAI_FRONT_KEY is
    the key that clients must show, unless their own goes to the service.
    """
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("openai_pyai").setLevel(logging.WARNING if quiet else logging.INFO)
    run(_serve(_PROVIDERS[provider], voice or [], host, port, pass_through=pass_through, insecure=insecure))


async def _serve(
    provider: Provider, voices: list[str], host: str, port: int, *, pass_through: bool, insecure: bool
) -> None:
    options = FrontOptions(voices=VOICES | dict(map(_voice, voices)))
    async with AsyncExitStack() as held:
        if pass_through:
            access: Access = await held.enter_async_context(aclosing(PassThrough(provider)))
            listening = bind(host, port)
        else:
            client = await held.enter_async_context(
                Client(Endpoint.from_env(provider=provider), retry_window=options.retry_window)
            )
            access = _own_key(client, insecure=insecure)
            listening = bind(host, port)
            if access.open:
                require_loopback(listening, _HOW)
        _, url = await held.enter_async_context(serving(create_app(access, options), Settings(), listening))
        settle()
        told = on_signal()
        print(f"{url}/v1", flush=True)
        await told.wait()


def _voice(said: str) -> tuple[str, str]:
    name, equals, voice = (part.strip() for part in said.partition("="))
    if not (name and equals and voice):
        raise ConfigurationError("--voice: expected NAME=VOICE, such as alloy=stock_emma_en_gb", code="invalid_option")
    return name, voice


def _own_key(client: Client, *, insecure: bool) -> OwnKey:
    key = os.environ.get(FRONT_KEY, "").strip()
    try:
        return OwnKey(client, *([key] if key else []), insecure=insecure)
    except ConfigurationError as error:
        message = error.message
    raise ConfigurationError(message, code="missing_key", hint=_HOW)
