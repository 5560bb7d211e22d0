"""``pyai-voice twilio``: answer a telephone number from the command line. Needs the extra ``server`` of pyai-voice.

Secrets come from the environment alone, so that no list of processes shows them.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from pyai_voice.amd_options import AmdOptions
from pyai_voice.cli.running import run
from pyai_voice.client import Client
from pyai_voice.errors import ConfigurationError
from pyai_voice.omni_options import OmniOptions, Tool
from pyai_voice.options import Endpoint
from pyai_voice.server.local import require_loopback
from pyai_voice.server.serving import bind, on_signal, serving, settle
from pyai_voice.server.settings import Settings

from .access import Access
from .app import create_app
from .control import CallControl
from .options import TwilioOptions

__all__ = ["app", "control_from"]

TOKEN, ACCOUNT, KEY, KEY_SECRET = "TWILIO_AUTH_TOKEN", "TWILIO_ACCOUNT_SID", "TWILIO_API_KEY", "TWILIO_API_SECRET"
_HOW = f"Set {TOKEN} to the account's auth token, or say --insecure to try it on this machine"
_DESTINATION = {"type": "object", "properties": {"destination": {"type": "string"}}}
_DIGITS = {"type": "object", "properties": {"digits": {"type": "string"}}, "required": ["digits"]}
_SECONDS = {"type": "object", "properties": {"seconds": {"type": "number"}}}
_CONTROLS = {
    "end_call": Tool(name="end_call", description="Hang up when the conversation is over."),
    "play_hold": Tool(name="play_hold", description="Play music while the caller waits.", parameters=_SECONDS),
    "send_dtmf": Tool(name="send_dtmf", description="Press keys of the telephone.", parameters=_DIGITS),
    "transfer_to_human": Tool(name="transfer_to_human", description="Connect the caller.", parameters=_DESTINATION),
}

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
"""The commands."""


@app.callback()
def _root() -> None:
    """PyAI for Twilio: telephone numbers that an agent answers."""


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8645,
    public_url: Annotated[
        str, typer.Option(envvar="TWILIO_PUBLIC_URL", help="The address that Twilio was given.")
    ] = "",
    agent: Annotated[str | None, typer.Option(metavar="ID", help="Agent profile that answers.")] = None,
    persona: Annotated[Path | None, typer.Option(metavar="FILE", help="Instructions of the agent instead.")] = None,
    greeting: Annotated[str | None, typer.Option(help="What it says first.")] = None,
    voice: Annotated[str | None, typer.Option(help="Its voice.")] = None,
    transfer: Annotated[
        list[str] | None, typer.Option(metavar="NAME=NUMBER", help="Where it may transfer to; repeat for more.")
    ] = None,
    amd: Annotated[
        bool, typer.Option("--amd", help="Tell who has answered before it speaks; hang up on machines.")
    ] = False,
    insecure: Annotated[bool, typer.Option("--insecure", help="Check no signature; for this machine alone.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines for calls that went well.")] = False,
) -> None:
    """Answer calls until Ctrl-C or SIGTERM; prints its address when it is ready.

    In Twilio's console let "A call comes in" of the number be a webhook, POST, at --public-url and /voice.

    PYAI_API_KEY and PYAI_BASE_URL say where PyAI is; TWILIO_AUTH_TOKEN checks who calls.

    TWILIO_ACCOUNT_SID, with that token or with TWILIO_API_KEY and TWILIO_API_SECRET, lets the agent transfer.
    """
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("twilio_pyai").setLevel(logging.WARNING if quiet else logging.INFO)
    run(_serve(_Wishes(agent, persona, greeting, voice, transfer or [], amd), host, port, public_url, insecure))


class _Wishes(NamedTuple):
    """What the command line says of the agent."""

    profile: str | None
    persona: Path | None
    greeting: str | None
    voice: str | None
    transfers: list[str]
    amd: bool

    def agent(self) -> OmniOptions:
        """Return the agent. Raises ConfigurationError for wishes that do not go together."""
        controls = ["end_call", "play_hold", "send_dtmf", *(["transfer_to_human"] if self.transfers else [])]
        return OmniOptions(
            persona=_text(self.persona) if self.persona else None,
            greeting=self.greeting,
            voice=self.voice,
            session_label=self.profile,
            configure=not self.profile,
            tools=() if self.profile else tuple(_CONTROLS[each] for each in controls),
        )

    def options(self) -> TwilioOptions:
        """Return the settings of the bridge. Raises ConfigurationError."""
        pairs = [each.partition("=") for each in self.transfers]
        transfers = {name.strip(): number.strip() for name, _, number in pairs}
        return TwilioOptions(transfers=transfers, amd=AmdOptions() if self.amd else None)


async def _serve(wishes: _Wishes, host: str, port: int, public_url: str, insecure: bool) -> None:
    access = _access(os.environ, public_url, insecure=insecure)
    agent, options, endpoint = wishes.agent(), wishes.options(), Endpoint.from_env()
    control = control_from(os.environ)
    if options.transfers and control is None:
        raise ConfigurationError(f"--transfer needs {ACCOUNT} and its credentials", code="missing_key")
    listening = bind(host, port)
    if access.open:
        require_loopback(listening, _HOW)
    async with AsyncExitStack() as held:
        client = await held.enter_async_context(Client(endpoint))
        if control is not None:
            held.push_async_callback(control.aclose)
        app = create_app(access, agent, client, options, control=control)
        _, url = await held.enter_async_context(serving(app, Settings(max_message=options.max_message), listening))
        told = on_signal()
        settle()
        print(url, flush=True)
        await told.wait()


def control_from(environment: Mapping[str, str]) -> CallControl | None:
    """Return what the environment's credentials of Twilio can do; None where they are not whole."""
    account, token, key, secret = (environment.get(name, "").strip() for name in (ACCOUNT, TOKEN, KEY, KEY_SECRET))
    if account and key and secret:
        return CallControl(account, api_key_sid=key, api_key_secret=secret)
    return CallControl(account, token) if account and token else None


def _access(environment: Mapping[str, str], public_url: str, *, insecure: bool) -> Access:
    token = environment.get(TOKEN, "").strip()
    if not token and not insecure:
        raise ConfigurationError("Twilio's auth token is needed", code="missing_key", hint=_HOW)
    return Access(*([token] if token else []), public_url=public_url, insecure=insecure)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = str(error)
    raise ConfigurationError(f"Cannot read {path}: {reason}", code="invalid_option")
