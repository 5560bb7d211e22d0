"""``pyai-voice kb list``, ``search`` and ``remove``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..errors import ConfigurationError
from ..server.knowledge import Hit, KnowledgeBase, StoredDocument
from ..server.knowledge.facade import Knowledge
from ..server.knowledge.opening import open_store
from ..server.state.keys import LOCAL
from .kb_store import chosen, existing
from .running import counted

__all__ = ["list_documents", "remove_documents", "show_hits"]


async def list_documents(wanted: Sequence[str] | None, where: str | Path, as_json: bool) -> None:
    """Print knowledge bases with their documents. Raises PyAIError."""
    async with aclosing(await open_store(existing(where))) as store:
        bases = chosen(await store.bases(LOCAL), wanted)
        documents = [await store.documents(LOCAL, base.id) for base in bases]
    if as_json:
        rows = [
            {**asdict(base), "documents": list(map(asdict, each))} for base, each in zip(bases, documents, strict=True)
        ]
        typer.echo(json.dumps(rows, indent=1))
        return
    for base, each in zip(bases, documents, strict=True):
        Console(highlight=False).print(_documents_table(base, each))
    if not bases:
        typer.echo("There are no knowledge bases; pyai-voice kb add makes one")


def _documents_table(base: KnowledgeBase, documents: Sequence[StoredDocument]) -> Table:
    held = f"{counted(len(documents), 'document')}, {counted(base.chunks, 'piece')}"
    title = Text(f"{base.name} ({base.id}): {held}")
    table = Table("document", title=title, title_justify="left")
    table.add_column("id", no_wrap=True)
    for head in ("status", "pieces", "bytes", "why"):
        table.add_column(head)
    for each in documents:
        cells = (each.name, each.id, each.status, str(each.chunks), f"{each.size:,}", each.reason)
        table.add_row(*map(Text, cells))
    return table


async def show_hits(
    query: str, wanted: Sequence[str] | None, limit: int, least: float, where: str | Path, as_json: bool
) -> None:
    """Print the passages that fit a question best. Raises PyAIError."""
    async with aclosing(await Knowledge.open(existing(where))) as knowledge:
        bases = [base.id for base in chosen(await knowledge.list(LOCAL), wanted)] if wanted else None
        hits = await knowledge.search(LOCAL, query, bases, limit, None, least=least)
    if as_json:
        typer.echo(json.dumps([asdict(hit) for hit in hits], indent=1))
    elif hits:
        Console(highlight=False).print(_hits_table(hits))
    else:
        typer.echo("Nothing was found")


def _hits_table(hits: Sequence[Hit]) -> Table:
    table = Table("score", "document", "passage", show_lines=True)
    for hit in hits:
        table.add_row(Text(f"{hit.score:.2f}"), Text(hit.name), Text(hit.content))
    return table


async def remove_documents(wanted: Sequence[str], base: str, where: str | Path) -> None:
    """Remove documents by name or id, or, where none is named, the knowledge base. Raises PyAIError."""
    async with aclosing(await open_store(existing(where))) as store:
        (found,) = chosen(await store.bases(LOCAL), [base])
        if not wanted:
            await store.delete_base(LOCAL, found.id)
            typer.echo(f"removed the knowledge base {found.name}")
            return
        for document in _matching(await store.documents(LOCAL, found.id), wanted, found.name):
            await store.delete_document(LOCAL, found.id, document.id)
            typer.echo(f"removed {document.name} ({document.id})")


def _matching(documents: Sequence[StoredDocument], wanted: Sequence[str], base: str) -> list[StoredDocument]:
    """Return what is to go. Raises ConfigurationError, before anything goes, where one is not there."""
    for each in wanted:
        if not any(each in (document.id, document.name) for document in documents):
            raise ConfigurationError(
                f"There is no document {each!r} in {base}", code="invalid_option", hint="pyai-voice kb list shows them"
            )
    return [document for document in documents if document.id in wanted or document.name in wanted]
