"""Rows of the embedded store, over one connection; for one thread at a time. Raises sqlite3.Error as it comes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from ..sqlite import transaction
from ..store_faults import not_found
from . import Chunk, KnowledgeBase, StoredDocument, Vectors
from .records import new_id, now_ms
from .sqlite_file import base_word

__all__ = ["SqliteTables"]

_BASE = """
    SELECT bases.id, bases.name, bases.created_at, count(documents.number), coalesce(sum(documents.chunks), 0)
    FROM bases LEFT JOIN documents ON documents.base = bases.number
"""
_DOCUMENT = """
    SELECT documents.id, bases.id, documents.name, media_type, size, status, reason, chunks, documents.created_at
    FROM documents JOIN bases ON bases.number = documents.base
"""


class SqliteTables:
    """Knowledge bases and documents."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def create_base(self, organisation: str, name: str) -> KnowledgeBase:
        """Insert a knowledge base."""
        made = KnowledgeBase(new_id("kb"), name, now_ms(), 0, 0)
        with transaction(self._connection):
            self._connection.execute(
                "INSERT INTO bases (id, organisation, name, created_at) VALUES (?, ?, ?, ?)",
                (made.id, organisation, name, made.created_at),
            )
        return made

    def bases(self, organisation: str) -> list[KnowledgeBase]:
        """Select those of an organisation."""
        rows = self._connection.execute(
            f"{_BASE} WHERE organisation = ? GROUP BY bases.number ORDER BY bases.number", (organisation,)
        )
        return [KnowledgeBase(*row) for row in rows]

    def base(self, organisation: str, base: str) -> KnowledgeBase:
        """Select one."""
        row = self._connection.execute(
            f"{_BASE} WHERE organisation = ? AND bases.id = ? GROUP BY bases.number", (organisation, base)
        ).fetchone()
        if row is None:
            raise not_found("knowledge base", base)
        return KnowledgeBase(*row)

    def delete_base(self, organisation: str, base: str) -> None:
        """Delete one; its documents and their words go with it."""
        with transaction(self._connection):
            number = self._number(organisation, base)
            self._connection.execute("DELETE FROM bases WHERE number = ?", (number,))

    def add_document(self, organisation: str, base: str, name: str, media_type: str, data: bytes) -> StoredDocument:
        """Insert a pending document with its bytes."""
        made = StoredDocument(new_id("doc"), base, name, media_type, len(data), "pending", "", 0, now_ms())
        with transaction(self._connection):
            self._connection.execute(
                "INSERT INTO documents (id, base, name, media_type, size, created_at, data)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (made.id, self._number(organisation, base), name, media_type, len(data), made.created_at, data),
            )
        return made

    def documents(self, organisation: str, base: str) -> list[StoredDocument]:
        """Select those of a knowledge base."""
        with transaction(self._connection, reading=True):
            number = self._number(organisation, base)
            rows = self._connection.execute(f"{_DOCUMENT} WHERE bases.number = ? ORDER BY documents.number", (number,))
            return [StoredDocument(*row) for row in rows]

    def document(self, organisation: str, base: str, document: str) -> StoredDocument:
        """Select one."""
        row = self._connection.execute(
            f"{_DOCUMENT} WHERE organisation = ? AND bases.id = ? AND documents.id = ?", (organisation, base, document)
        ).fetchone()
        if row is None:
            raise not_found("document", document)
        return StoredDocument(*row)

    def delete_document(self, organisation: str, base: str, document: str) -> None:
        """Delete one; its words go with it."""
        with transaction(self._connection):
            number = self._number(organisation, base)
            deleted = self._connection.execute("DELETE FROM documents WHERE base = ? AND id = ?", (number, document))
            if not deleted.rowcount:
                raise not_found("document", document)
            self._changed(number)

    def pending(self) -> list[str]:
        """Select the ids of all pending documents."""
        return [
            id
            for (id,) in self._connection.execute("SELECT id FROM documents WHERE status = 'pending' ORDER BY number")
        ]

    def read(self, document: str) -> tuple[StoredDocument, bytes] | None:
        """Select a pending document and its bytes."""
        with transaction(self._connection, reading=True):
            row = self._connection.execute(
                f"{_DOCUMENT} WHERE documents.id = ? AND status = 'pending'", (document,)
            ).fetchone()
            data = self._connection.execute("SELECT data FROM documents WHERE id = ?", (document,)).fetchone()
        return (StoredDocument(*row), data[0]) if row else None

    def index(self, document: str, chunks: Sequence[Chunk], vectors: Vectors) -> int | None:
        """Insert the words and vectors of a pending document; return the number of its knowledge base."""
        with transaction(self._connection):
            row = self._connection.execute(
                "SELECT number, base FROM documents WHERE id = ? AND status = 'pending'",
                (document,),
            ).fetchone()
            if row is None:
                return None
            number, base = row
            (first,) = self._connection.execute("SELECT coalesce(max(first + chunks), 1) FROM documents").fetchone()
            self._connection.execute(
                "UPDATE documents SET status = 'indexed', first = ?, chunks = ?, vectors = ?, data = NULL"
                " WHERE number = ?",
                (first, len(chunks), vectors.astype("<f4").tobytes(), number),
            )
            self._connection.executemany(
                "INSERT INTO words (rowid, content, base) VALUES (?, ?, ?)",
                ((first + offset, chunk.content, base_word(base)) for offset, chunk in enumerate(chunks)),
            )
            self._changed(base)
        return base

    def fail(self, document: str, reason: str) -> bool:
        """Mark a pending document as failed."""
        with transaction(self._connection):
            updated = self._connection.execute(
                "UPDATE documents SET status = 'failed', reason = ?, data = NULL WHERE id = ? AND status = 'pending'",
                (reason, document),
            )
        return bool(updated.rowcount)

    def _number(self, organisation: str, base: str) -> int:
        row = self._connection.execute(
            "SELECT number FROM bases WHERE organisation = ? AND id = ?", (organisation, base)
        ).fetchone()
        if row is None:
            raise not_found("knowledge base", base)
        return row[0]

    def _changed(self, base: int) -> None:
        self._connection.execute("UPDATE bases SET version = version + 1 WHERE number = ?", (base,))
