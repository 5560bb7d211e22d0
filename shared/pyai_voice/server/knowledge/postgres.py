"""The store for more than one machine: PostgreSQL with pgvector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString, Self

from pgvector import HalfVector

from ..store_faults import not_found
from . import Chunk, Hit, KnowledgeBase, Query, StoredDocument, Vectors
from .postgres_pool import Connection, Pool, open_pool, use
from .postgres_search import search
from .records import new_id, now_ms
from .words import plain

__all__ = ["PostgresStore"]

_BASE = """
    SELECT bases.id, bases.name, bases.created_at, count(documents.number), coalesce(sum(documents.chunks), 0)::bigint
    FROM pyai_voice.bases LEFT JOIN pyai_voice.documents ON documents.base = bases.number
"""
_DOCUMENT = """
    SELECT documents.id, bases.id, documents.name, media_type, size, status, reason, chunks, documents.created_at
    FROM pyai_voice.documents JOIN pyai_voice.bases ON bases.number = documents.base
"""
_POSTINGS = """
    INSERT INTO pyai_voice.postings (base, word, chunk, count, length, document)
    SELECT %(base)s, lexeme, number, cardinality(positions), least(32767, sum(cardinality(positions)) OVER (
        PARTITION BY number)), %(document)s
    FROM unnest(%(numbers)s::bigint[], %(texts)s::text[]) AS chunk (number, text),
        LATERAL unnest(to_tsvector('english', text)) AS word
"""
_INDEXED = """
    UPDATE pyai_voice.documents SET status = 'indexed', data = NULL, chunks = %(chunks)s,
        words = (SELECT coalesce(sum(count), 0) FROM pyai_voice.postings WHERE document = %(document)s)
    WHERE number = %(document)s
"""


class PostgresStore:
    """A :class:`~pyai_voice.server.knowledge.KnowledgeStore` in a PostgreSQL database, schema ``pyai_voice``."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @classmethod
    async def open(cls, url: str) -> Self:
        """Connect. Raises ConfigurationError for a wrong address, ServerError as every method does."""
        return cls(await open_pool(url))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.close()

    async def create_base(self, organisation: str, name: str) -> KnowledgeBase:
        """Make an empty knowledge base."""
        made = KnowledgeBase(new_id("kb"), name, now_ms(), 0, 0)
        async with use(self._pool) as connection:
            await connection.execute(
                "INSERT INTO pyai_voice.bases (id, organisation, name, created_at) VALUES (%s, %s, %s, %s)",
                (made.id, organisation, name, made.created_at),
            )
        return made

    async def bases(self, organisation: str) -> list[KnowledgeBase]:
        """Return all knowledge bases of an organisation, oldest first."""
        async with use(self._pool) as connection:
            rows = await _rows(
                connection,
                f"{_BASE} WHERE organisation = %s GROUP BY bases.number ORDER BY bases.number",
                organisation,
            )
        return [KnowledgeBase(*row) for row in rows]

    async def base(self, organisation: str, base: str) -> KnowledgeBase:
        """Return one of them."""
        async with use(self._pool) as connection:
            rows = await _rows(
                connection,
                f"{_BASE} WHERE organisation = %s AND bases.id = %s GROUP BY bases.number",
                organisation,
                base,
            )
        if not rows:
            raise not_found("knowledge base", base)
        return KnowledgeBase(*rows[0])

    async def delete_base(self, organisation: str, base: str) -> None:
        """Delete one with all its documents."""
        async with use(self._pool) as connection:
            number = await _number(connection, organisation, base)
            await connection.execute("DELETE FROM pyai_voice.bases WHERE number = %s", (number,))

    async def add_document(
        self, organisation: str, base: str, name: str, media_type: str, data: bytes
    ) -> StoredDocument:
        """Keep a document as ``pending``."""
        made = StoredDocument(new_id("doc"), base, name, media_type, len(data), "pending", "", 0, now_ms())
        async with use(self._pool) as connection:
            number = await _number(connection, organisation, base)
            await connection.execute(
                "INSERT INTO pyai_voice.documents (id, base, name, media_type, size, created_at, data)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                (made.id, number, name, media_type, len(data), made.created_at, data),
            )
        return made

    async def documents(self, organisation: str, base: str) -> list[StoredDocument]:
        """Return the documents of a knowledge base, oldest first."""
        async with use(self._pool) as connection:
            number = await _number(connection, organisation, base)
            rows = await _rows(connection, f"{_DOCUMENT} WHERE bases.number = %s ORDER BY documents.number", number)
        return [StoredDocument(*row) for row in rows]

    async def document(self, organisation: str, base: str, document: str) -> StoredDocument:
        """Return one of them."""
        where = "WHERE organisation = %s AND bases.id = %s AND documents.id = %s"
        async with use(self._pool) as connection:
            rows = await _rows(connection, f"{_DOCUMENT} {where}", organisation, base, document)
        if not rows:
            raise not_found("document", document)
        return StoredDocument(*rows[0])

    async def delete_document(self, organisation: str, base: str, document: str) -> None:
        """Delete one; no search finds it any more."""
        async with use(self._pool) as connection:
            number = await _number(connection, organisation, base)
            deleted = await connection.execute(
                "DELETE FROM pyai_voice.documents WHERE base = %s AND id = %s", (number, _storable(document))
            )
            if not deleted.rowcount:
                raise not_found("document", document)

    async def search(self, organisation: str, bases: Sequence[str] | None, query: Query, limit: int) -> list[Hit]:
        """Return the passages that fit best, best first, from these knowledge bases (None: all)."""
        async with use(self._pool) as connection:
            return await search(connection, organisation, bases, query, limit)

    async def pending(self) -> list[str]:
        """Return the ids of the pending documents of every organisation, oldest first."""
        statement = "SELECT id FROM pyai_voice.documents WHERE status = 'pending' ORDER BY number"
        async with use(self._pool) as connection:
            return [id for (id,) in await _rows(connection, statement)]

    async def read(self, document: str) -> tuple[StoredDocument, bytes] | None:
        """Return a pending document with its bytes; None if it is not pending any more."""
        where = "WHERE documents.id = %s AND status = 'pending'"
        async with use(self._pool) as connection:
            rows = await _rows(connection, f"{_DOCUMENT} {where}", document)
            data = await _rows(connection, "SELECT data FROM pyai_voice.documents WHERE id = %s", document)
        return (StoredDocument(*rows[0]), data[0][0]) if rows else None

    async def index(self, document: str, chunks: Sequence[Chunk], vectors: Vectors) -> bool:
        """Make all chunks of a pending document findable at once; False if it is gone."""
        async with use(self._pool) as connection:
            rows = await _rows(
                connection,
                "SELECT number, base FROM pyai_voice.documents WHERE id = %s AND status = 'pending' FOR UPDATE",
                document,
            )
            for number, base in rows:
                await _insert(connection, number, base, [_storable(chunk.content) for chunk in chunks], vectors)
        return bool(rows)

    async def fail(self, document: str, reason: str) -> bool:
        """Say that a pending document cannot be indexed; False if it is gone."""
        async with use(self._pool) as connection:
            updated = await connection.execute(
                "UPDATE pyai_voice.documents SET status = 'failed', reason = %s, data = NULL"
                " WHERE id = %s AND status = 'pending'",
                (_storable(reason), document),
            )
        return bool(updated.rowcount)


async def _rows(connection: Connection, statement: LiteralString, *given: str | int) -> list[tuple[Any, ...]]:
    storable = [_storable(each) if isinstance(each, str) else each for each in given]
    return await (await connection.execute(statement, storable)).fetchall()


async def _number(connection: Connection, organisation: str, base: str) -> int:
    rows = await _rows(
        connection, "SELECT number FROM pyai_voice.bases WHERE organisation = %s AND id = %s", organisation, base
    )
    if not rows:
        raise not_found("knowledge base", base)
    return rows[0][0]


async def _insert(connection: Connection, document: int, base: int, texts: list[str], vectors: Vectors) -> None:
    sequence = "SELECT nextval('pyai_voice.chunks_number_seq') FROM generate_series(1, %s)"
    numbers = [number for (number,) in await _rows(connection, sequence, len(texts))]
    async with connection.cursor() as cursor:
        async with cursor.copy("COPY pyai_voice.chunks (number, document, content) FROM STDIN") as copy:
            for number, text in zip(numbers, texts, strict=True):
                await copy.write_row((number, document, text))
        async with cursor.copy("COPY pyai_voice.vectors FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int8", "int8", "int8", "halfvec"])
            for number, vector in zip(numbers, vectors, strict=True):
                await copy.write_row((base, number, document, HalfVector(vector)))
    given = {"base": base, "document": document, "numbers": numbers, "chunks": len(texts)}
    await connection.execute(_POSTINGS, {**given, "texts": [plain(text) for text in texts]})
    await connection.execute(_INDEXED, given)


def _storable(text: str) -> str:
    """Return a text without the one character that PostgreSQL does not take."""
    return text.replace("\0", " ")
