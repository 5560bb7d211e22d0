"""The embedded store: one SQLite file, a thread that writes and a thread that searches.

Other processes may have the same file open; a writer waits 2 s for another one, then says ``store_locked``.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ParamSpec, Self, TypeVar

from ..sqlite import attempt
from . import Chunk, Hit, KnowledgeBase, Query, StoredDocument, Vectors
from .sqlite_file import connect
from .sqlite_search import SqliteSearch
from .sqlite_tables import SqliteTables

__all__ = ["SqliteStore"]

_FILE = "knowledge.sqlite3"
"""Its name in a folder."""

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class SqliteStore:
    """A :class:`~pyai_voice.server.knowledge.KnowledgeStore` in one file."""

    def __init__(self, writing: sqlite3.Connection, reading: sqlite3.Connection) -> None:
        self._connections = writing, reading
        self._tables = SqliteTables(writing)
        self._seen = SqliteTables(reading)
        self._search = SqliteSearch(reading)
        self._writer = ThreadPoolExecutor(1, "knowledge-writer")
        self._reader = ThreadPoolExecutor(1, "knowledge-reader")
        self._folder: TemporaryDirectory[str] | None = None

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open a file, or the one in a folder; it is made where it is not there. Raises ServerError as any method."""
        return await asyncio.to_thread(cls._open, path)

    @classmethod
    async def temporary(cls) -> Self:
        """Open a file that goes when the store is closed."""
        return await asyncio.to_thread(cls._temporary)

    @classmethod
    def _temporary(cls) -> Self:
        folder = TemporaryDirectory(prefix="pyai-voice-knowledge-")
        store = cls._open(Path(folder.name), durable=False)
        store._folder = folder
        return store

    @classmethod
    def _open(cls, path: Path, *, durable: bool = True) -> Self:
        path = path / _FILE if path.is_dir() else path
        return cls(connect(path, durable=durable), connect(path, durable=durable))

    async def aclose(self) -> None:
        """Finish what is being written, and close."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        for thread, connection in zip((self._writer, self._reader), self._connections, strict=True):
            thread.shutdown(cancel_futures=True)
            connection.close()
        if self._folder is not None:
            self._folder.cleanup()

    async def _write(
        self, work: Callable[Parameters, Result], *arguments: Parameters.args, **named: Parameters.kwargs
    ) -> Result:
        future = self._writer.submit(attempt, work, *arguments, **named)
        return await asyncio.wrap_future(future)

    async def _read(
        self, work: Callable[Parameters, Result], *arguments: Parameters.args, **named: Parameters.kwargs
    ) -> Result:
        future = self._reader.submit(attempt, work, *arguments, **named)
        return await asyncio.wrap_future(future)

    async def create_base(self, organisation: str, name: str) -> KnowledgeBase:
        """Make an empty knowledge base."""
        return await self._write(self._tables.create_base, organisation, name)

    async def bases(self, organisation: str) -> list[KnowledgeBase]:
        """Return all knowledge bases of an organisation, oldest first."""
        return await self._read(self._seen.bases, organisation)

    async def base(self, organisation: str, base: str) -> KnowledgeBase:
        """Return one of them."""
        return await self._read(self._seen.base, organisation, base)

    async def delete_base(self, organisation: str, base: str) -> None:
        """Delete one with all its documents."""
        await self._write(self._tables.delete_base, organisation, base)

    async def add_document(
        self, organisation: str, base: str, name: str, media_type: str, data: bytes
    ) -> StoredDocument:
        """Keep a document as ``pending``."""
        return await self._write(self._tables.add_document, organisation, base, name, media_type, data)

    async def documents(self, organisation: str, base: str) -> list[StoredDocument]:
        """Return the documents of a knowledge base, oldest first."""
        return await self._read(self._seen.documents, organisation, base)

    async def document(self, organisation: str, base: str, document: str) -> StoredDocument:
        """Return one of them."""
        return await self._read(self._seen.document, organisation, base, document)

    async def delete_document(self, organisation: str, base: str, document: str) -> None:
        """Delete one; no search finds it any more."""
        await self._write(self._tables.delete_document, organisation, base, document)

    async def search(self, organisation: str, bases: Sequence[str] | None, query: Query, limit: int) -> list[Hit]:
        """Return the passages that fit best, best first, from these knowledge bases (None: all)."""
        return await self._read(self._search.search, organisation, bases, query, limit)

    async def pending(self) -> list[str]:
        """Return the ids of the pending documents of every organisation, oldest first."""
        return await self._read(self._seen.pending)

    async def read(self, document: str) -> tuple[StoredDocument, bytes] | None:
        """Return a pending document with its bytes; None if it is not pending any more."""
        return await self._read(self._seen.read, document)

    async def index(self, document: str, chunks: Sequence[Chunk], vectors: Vectors) -> bool:
        """Make all chunks of a pending document findable at once; False if it is gone."""
        base = await self._write(self._tables.index, document, chunks, vectors)
        if base is not None:
            await self._read(self._search.warm, base)
        return base is not None

    async def fail(self, document: str, reason: str) -> bool:
        """Say that a pending document cannot be indexed; False if it is gone."""
        return await self._write(self._tables.fail, document, reason)
