"""``pyai-voice kb serve``: the public endpoint."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from ..errors import ConfigurationError
from ..server.knowledge import endpoint
from ..server.knowledge.facade import Knowledge
from ..server.local import require_loopback
from ..server.serving import bind, on_signal, serving, settle
from ..server.settings import Settings
from ..server.state.keys import LOCAL
from .kb_store import chosen, existing

__all__ = ["TOKEN", "VAPI_SECRET", "serve_endpoint"]

TOKEN = "KB_TOKEN"
VAPI_SECRET = "KB_VAPI_SECRET"


async def serve_endpoint(
    where: str | Path,
    wanted: Sequence[str] | None,
    host: str,
    port: int,
    options: endpoint.EndpointOptions,
    *,
    insecure: bool,
    quiet: bool,
) -> None:
    """Answer until a signal comes. Raises PyAIError."""
    access = _access(insecure)
    listening = bind(host, port)
    if not access.token and not access.secret:
        require_loopback(listening, _HOW)
    _log_questions(quiet)
    async with aclosing(await Knowledge.open(existing(where))) as knowledge:
        bases = chosen(await knowledge.list(LOCAL), wanted)
        options = replace(options, organisation=LOCAL, bases=tuple(base.id for base in bases) if wanted else None)
        app = endpoint.create_endpoint(knowledge, access, options)
        async with serving(app, Settings(), listening) as (_, url):
            told = on_signal()
            settle()
            names = ", ".join(base.name for base in bases) or "no knowledge base yet"
            Console(stderr=True, quiet=quiet, highlight=False).print(
                f"answering from {names}; Ctrl-C ends it", markup=False
            )
            print(f"{url}/", flush=True)
            await told.wait()


_HOW = f"Set {TOKEN} (for Omni) or {VAPI_SECRET} (for Vapi)"


def _access(insecure: bool) -> endpoint.Access:
    token, secret = (os.environ.get(name, "").strip() for name in (TOKEN, VAPI_SECRET))
    try:
        return endpoint.Access(token, secret, insecure)
    except ConfigurationError as error:
        message = error.message
    raise ConfigurationError(message, code="missing_key", hint=f"{_HOW} to 16 characters or more")


def _log_questions(quiet: bool) -> None:
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    if not quiet:
        logging.getLogger(endpoint.__name__).setLevel(logging.INFO)
