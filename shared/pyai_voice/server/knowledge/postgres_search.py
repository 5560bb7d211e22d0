"""Search in PostgreSQL: BM25 over a table of words, and pgvector; exact, knowledge base by knowledge base.

PostgreSQL's own ranking does not know how rare a word is, hence BM25 (k1 1.2, b 0.75) in SQL over ``postings``; in
float8 throughout, because PostgreSQL's exact numbers take four times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

from pgvector import HalfVector

from ..store_faults import not_found
from . import Hit, Query
from .fusion import CANDIDATES, best_first, fuse, relevance
from .postgres_pool import Connection
from .words import plain

__all__ = ["search"]

_WORDS = """
    WITH size AS MATERIALIZED (
        SELECT sum(chunks)::float8 AS chunks,
            greatest(1, sum(words))::float8 / greatest(1, sum(chunks))::float8 AS average
        FROM pyai_voice.documents WHERE base = ANY(%(bases)s)
    ), found AS MATERIALIZED (
        SELECT word, chunk, count::float8 AS count, length::float8 AS length FROM pyai_voice.postings
        WHERE base = ANY(%(bases)s) AND word = ANY(tsvector_to_array(to_tsvector('english', %(words)s)))
    ), spread AS (
        SELECT word, ln(1 + (min(chunks) - count(*) + 0.5::float8) / (count(*) + 0.5::float8)) AS rarity
        FROM found, size GROUP BY word
    )
    SELECT chunk FROM found JOIN spread USING (word), size GROUP BY chunk ORDER BY sum(
        rarity * count * 2.2::float8 / (count + 0.3::float8 + 0.9::float8 * length / average)
    ) DESC, chunk LIMIT %(most)s
"""
_MEANING = """
    SELECT chunk FROM pyai_voice.vectors WHERE base = ANY(%(bases)s)
    ORDER BY vector <=> %(vector)s, chunk LIMIT %(most)s
"""
_HITS = """
    SELECT chunks.number, chunks.content, 1 - (vector <=> %(vector)s), documents.id, bases.id, documents.name
    FROM pyai_voice.chunks JOIN pyai_voice.documents ON documents.number = chunks.document
    JOIN pyai_voice.bases ON bases.number = documents.base
    JOIN pyai_voice.vectors ON vectors.document = documents.number AND vectors.chunk = chunks.number
    WHERE chunks.number = ANY(%(chosen)s)
"""


async def search(
    connection: Connection, organisation: str, bases: Sequence[str] | None, query: Query, limit: int
) -> list[Hit]:
    """Return the best passages, best first. Raises RequestError ``not_found``, and psycopg.Error."""
    given: dict[str, Any] = {
        "bases": await _numbers(connection, organisation, bases),
        "words": plain(query.text),
        "vector": HalfVector(query.vector),
        "most": CANDIDATES,
    }
    words = await _ids(connection, _WORDS, given) if query.weights.words else []
    meaning = await _ids(connection, _MEANING, given) if query.weights.meaning else []
    chosen = fuse(words, meaning, query.weights, limit)
    rows = await (await connection.execute(_HITS, {**given, "chosen": chosen})).fetchall()
    hits = {
        number: Hit(content, relevance(query.text, content, cosine), document, base, name)
        for number, content, cosine, document, base, name in rows
    }
    return best_first([hits[each] for each in chosen if each in hits], query.weights)


async def _numbers(connection: Connection, organisation: str, wanted: Sequence[str] | None) -> list[int]:
    rows = await connection.execute("SELECT id, number FROM pyai_voice.bases WHERE organisation = %s", (organisation,))
    found = dict(await rows.fetchall())
    for each in wanted or ():
        if each not in found:
            raise not_found("knowledge base", each)
    return list(found.values()) if wanted is None else [found[each] for each in wanted]


async def _ids(connection: Connection, statement: LiteralString, given: dict[str, Any]) -> list[int]:
    return [number for (number,) in await (await connection.execute(statement, given)).fetchall()]
