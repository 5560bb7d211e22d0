"""``pyai-voice kb``: knowledge bases from the command line.

The commands work on the store itself, not through a server: there may be none, a document need not travel, and both
kinds of store are made for several processes. A server that runs on the same store finds at once what is added here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .running import Data, Store, run

__all__ = ["kb"]

kb = typer.Typer(
    no_args_is_help=True, help="Keep knowledge bases: what Cue finds passages in, and voice platforms ask."
)

Base = Annotated[str, typer.Option("--kb", metavar="NAME", help="Knowledge base, by name or id.")]
Bases = Annotated[
    list[str] | None,
    typer.Option("--kb", metavar="NAME", help="Knowledge base, by name or id; may be repeated. Without it: all."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Least = Annotated[float, typer.Option(min=0, max=1, help="Leave out passages with a lower score; 0.15 is a start.")]


@kb.command(no_args_is_help=True)
def add(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files, folders (all documents in them) or globs.")
    ],
    base: Base = "default",
    data: Data = None,
    store: Store = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
) -> None:
    """Add text, Markdown, HTML and PDF documents, and wait until they can be found.

    The knowledge base is made if need be. A document with the name of an older one takes its place. What cannot be read
    is said at the end, with exit status 1. Ctrl-C loses nothing that was taken: the next `kb add`, or a server on the
    same data, goes on.

        pyai-voice kb add --data data handbook/ prices.pdf
    """
    from .kb_add import add_documents

    run(add_documents(paths, base, _where(data, store), quiet))


@kb.command(name="list")
def list_(base: Bases = None, data: Data = None, store: Store = None, as_json: Json = False) -> None:
    """List knowledge bases and their documents."""
    from .kb_show import list_documents

    run(list_documents(base, _where(data, store), as_json))


@kb.command(no_args_is_help=True)
def search(
    query: Annotated[str, typer.Argument(help="A question, as a caller would ask it.")],
    base: Bases = None,
    limit: Annotated[int, typer.Option(min=1, max=50, help="How many passages.")] = 3,
    least: Least = 0.0,
    data: Data = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Show the passages that fit a question best, with their scores."""
    from .kb_show import show_hits

    run(show_hits(query, base, limit, least, _where(data, store), as_json))


@kb.command(no_args_is_help=True)
def remove(
    documents: Annotated[list[str] | None, typer.Argument(metavar="DOCUMENT...", help="Names or ids.")] = None,
    base: Base = "default",
    whole: Annotated[bool, typer.Option("--all", help="The whole knowledge base with all its documents.")] = False,
    data: Data = None,
    store: Store = None,
) -> None:
    """Remove documents, or a whole knowledge base; nothing of them is found any more."""
    from .kb_show import remove_documents

    if whole == bool(documents):
        raise typer.BadParameter("name documents, or say --all: one of the two")
    run(remove_documents(documents or [], base, _where(data, store)))


@kb.command()
def serve(
    base: Bases = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; the default is reachable from this machine only.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8643,
    limit: Annotated[int, typer.Option(min=1, max=20, help="How many passages an answer has.")] = 3,
    least: Least = 0.0,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Let everybody ask; only on an address of this machine alone.")
    ] = False,
    data: Data = None,
    store: Store = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines on stderr.")] = False,
) -> None:
    """Answer voice platforms: PyAI's Omni (kb_endpoint) and Vapi (custom knowledge base), both at the same address.

    Who may ask is said by environment variables, because a command line can be read by others: KB_TOKEN, the bearer
    token that you give to Omni as kb_token, and KB_VAPI_SECRET, the secret that you give to Vapi. At least one is
    needed, each of 16 characters or more. The protocol is plain http: put TLS in front of it.

    When ready it prints its address to stdout. Each question is one line on stderr, without words and secrets.
    """
    from ..server.knowledge.endpoint import EndpointOptions
    from .kb_serve import serve_endpoint

    options = EndpointOptions(limit=limit, least=least)
    run(serve_endpoint(_where(data, store), base, host, port, options, insecure=insecure, quiet=quiet))


def _where(data: Path | None, store: str | None) -> str | Path:
    if store:
        return store
    if data is None:
        raise typer.BadParameter("say where the knowledge bases are: --data DIR as for the server, or --store URL")
    return data
