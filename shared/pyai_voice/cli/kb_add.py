"""``pyai-voice kb add``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from ..errors import RequestError
from ..server.knowledge import StoredDocument
from ..server.knowledge.documents import MOST_BYTES
from ..server.knowledge.facade import Knowledge
from ..server.knowledge.facade import Progress as Step
from ..server.state.keys import LOCAL
from .kb_files import File, find_files
from .kb_store import made, one
from .running import counted

__all__ = ["add_documents"]


async def add_documents(paths: Sequence[str], base: str, where: str | Path, quiet: bool) -> None:
    """Add files to a knowledge base and index them. Raises PyAIError, and typer.Exit where a document failed."""
    files = find_files(paths)
    console = Console(stderr=True, quiet=quiet, highlight=False)
    with _bars(console) as bars:
        shown = _Shown(bars)
        async with aclosing(await Knowledge.open(made(where), progress=shown.step)) as knowledge:
            failed = await _Adding(knowledge, shown).add(files, base)
    for name, reason in failed:
        typer.echo(f"pyai-voice: {name}: {reason}", err=True)
    console.print(f"{len(files) - len(failed)} of {counted(len(files), 'document')} can be found in {escape(base)}")
    if failed:
        raise typer.Exit(1)


def _bars(console: Console) -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


class _Shown:
    """Two bars: documents, and pieces of the document that is being indexed."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._documents = bars.add_task("documents")
        self._pieces = bars.add_task("", visible=False)
        self._begun: set[str] = set()

    def begin(self, total: int) -> None:
        self._bars.update(self._documents, total=total)

    def step(self, step: Step) -> None:
        self._begun.add(step.document.id)
        self._bars.update(self._documents, completed=len(self._begun) - 1)
        self._bars.update(
            self._pieces, description=step.document.name, completed=step.done, total=step.total or None, visible=True
        )


def _read(path: Path) -> bytes:
    """Return a file, or so much of it that it is seen to be too large."""
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)


class _Adding:
    def __init__(self, knowledge: Knowledge, shown: _Shown) -> None:
        self._knowledge = knowledge
        self._shown = shown
        self._failed: list[tuple[str, str]] = []

    async def add(self, files: Sequence[File], wanted: str) -> list[tuple[str, str]]:
        """Return the names that failed, with the reasons."""
        self._shown.begin(len(files))
        base = one(await self._knowledge.list(LOCAL), wanted) or await self._knowledge.create(LOCAL, wanted)
        before = await self._knowledge.documents(LOCAL, base.id)
        kept = [stored for file in files if (stored := await self._keep(file, base.id))]
        await self._knowledge.settled()
        for stored in kept:
            await self._finish(stored, before)
        return self._failed

    async def _keep(self, file: File, base: str) -> StoredDocument | None:
        try:
            data = await asyncio.to_thread(_read, file.path)
            return await self._knowledge.add(LOCAL, base, file.name, data, "")
        except OSError as error:
            reason = error.strerror or type(error).__name__
        except RequestError as error:
            reason = error.message
        self._failed.append((file.name, reason))
        return None

    async def _finish(self, stored: StoredDocument, before: Sequence[StoredDocument]) -> None:
        """Let the older documents of that name go, now that it can be found."""
        now = await self._knowledge.status(LOCAL, stored.knowledge_base, stored.id)
        if now.status == "failed":
            self._failed.append((now.name, now.reason))
            return
        for each in before:
            if each.name == now.name:
                await self._knowledge.remove(LOCAL, each.knowledge_base, each.id)
