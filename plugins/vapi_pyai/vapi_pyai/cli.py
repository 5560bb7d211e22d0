"""``pyai-voice vapi``: serve Vapi from the command line. Needs the extra ``server`` of pyai-voice.

Secrets come from the environment alone, so that no list of processes shows them.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Annotated, Any, NamedTuple

import typer

from pyai_voice.cli.running import run
from pyai_voice.client import Client
from pyai_voice.errors import ConfigurationError
from pyai_voice.options import CueOptions, Endpoint, HearOptions, SpeakOptions, TurnPolicy
from pyai_voice.server.local import require_loopback
from pyai_voice.server.serving import bind, on_signal, serving, settle
from pyai_voice.server.settings import Settings

from .access import Access, Credential, Signature, Token
from .app import create_app
from .model import ChatModel
from .options import VapiOptions

__all__ = ["app"]

SECRET, TOKEN, HMAC = "VAPI_SECRET", "VAPI_TOKEN", "VAPI_HMAC_SECRET"
_HOW = f"Set {SECRET} (X-Vapi-Secret), {TOKEN} (bearer) or {HMAC} (signature) to 16 characters or more"

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
"""The commands."""


@app.callback()
def _root() -> None:
    """PyAI for Vapi: custom voice, transcriber, endpointing model, knowledge base and LLM."""


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8644,
    voice: Annotated[str | None, typer.Option(help="Voice where the assistant names none.")] = None,
    language: Annotated[str | None, typer.Option(help="What callers speak, such as en; else it is detected.")] = None,
    grounding: Annotated[
        bool, typer.Option("--grounding", help="Find passages for what callers say, for the custom knowledge base.")
    ] = False,
    kb: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Knowledge base to search for calls that Hear does not hear.")
    ] = None,
    assistant: Annotated[
        bool, typer.Option("--assistant", help="Transcribe the assistant's channel as well: a second stream.")
    ] = False,
    token_header: Annotated[str, typer.Option(help=f"Where {TOKEN} comes.")] = "Authorization",
    no_bearer_prefix: Annotated[
        bool, typer.Option("--no-bearer-prefix", help=f"{TOKEN} comes without 'Bearer ' before it.")
    ] = False,
    signature_header: Annotated[str, typer.Option(help="Where the signature comes.")] = "x-signature",
    timestamp_header: Annotated[str, typer.Option(help="Where its time-stamp comes.")] = "x-timestamp",
    signature_prefix: Annotated[str, typer.Option(help="What stands before the signature, such as sha256=.")] = "",
    payload_format: Annotated[str, typer.Option(help="What is signed.")] = "{timestamp}.{body}",
    insecure: Annotated[bool, typer.Option("--insecure", help="Ask for no secret; for this machine alone.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines for requests that went well.")] = False,
) -> None:
    """Serve Vapi until Ctrl-C or SIGTERM; prints its address when it is ready.

    PYAI_API_KEY and PYAI_BASE_URL say where PyAI is. VAPI_SECRET, VAPI_TOKEN and VAPI_HMAC_SECRET say who may ask: any
    that is set will do. OPENAI_BASE_URL, OPENAI_API_KEY and OPENAI_MODEL name the model of the custom LLM.
    """
    hear = HearOptions(
        language=language, cue=CueOptions(eager=True, grounding=grounding), turns=TurnPolicy(authority="cue")
    )
    options = VapiOptions(
        speak=SpeakOptions(voice=voice), hear=hear, assistant_channel=assistant, knowledge_bases=tuple(kb or ())
    )
    signature = {
        "header": signature_header,
        "timestamp_header": timestamp_header,
        "prefix": signature_prefix,
        "payload_format": payload_format,
    }
    _log(quiet)
    run(_serve(_Bearer(token_header, not no_bearer_prefix), signature, options, host, port, insecure=insecure))


class _Bearer(NamedTuple):
    header: str
    prefix: bool


async def _serve(
    bearer: _Bearer, signature: dict[str, str], options: VapiOptions, host: str, port: int, *, insecure: bool
) -> None:
    access = _access(os.environ, bearer, signature, insecure=insecure)
    async with AsyncExitStack() as held:
        client = await held.enter_async_context(Client(Endpoint.from_env()))
        model = ChatModel.from_env(os.environ)
        if model is not None:
            held.push_async_callback(model.aclose)
        listening = bind(host, port)
        if access.open:
            require_loopback(listening, _HOW)
        app = create_app(access, client, options, model=model)
        _, url = await held.enter_async_context(serving(app, Settings(max_message=options.max_message), listening))
        settle()
        told = on_signal()
        print(url, flush=True)
        await told.wait()


def _access(environment: Mapping[str, str], bearer: _Bearer, signature: dict[str, Any], *, insecure: bool) -> Access:
    secret, token, hmac = (environment.get(name, "").strip() for name in (SECRET, TOKEN, HMAC))
    try:
        credentials: list[Credential] = [Token(secret)] if secret else []
        credentials += [Token.bearer(token, bearer.header, prefix=bearer.prefix)] if token else []
        credentials += [Signature(hmac, **signature)] if hmac else []
        return Access(*credentials, insecure=insecure)
    except ConfigurationError as error:
        message = error.message
    raise ConfigurationError(message, code="missing_key", hint=_HOW)


def _log(quiet: bool) -> None:
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("vapi_pyai").setLevel(logging.WARNING if quiet else logging.INFO)
