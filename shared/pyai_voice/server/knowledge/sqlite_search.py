"""Search in the embedded store: FTS5's BM25 and one matrix of vectors a knowledge base, kept in memory."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..sqlite import transaction
from ..store_faults import not_found
from . import Hit, Query, Vectors
from .embedding import DIMENSION
from .fusion import CANDIDATES, best_first, fuse, relevance
from .sqlite_file import base_word
from .words import telling_words

__all__ = ["SqliteSearch"]

_MOST_VECTORS = 500_000
"""Vectors kept in memory (0.5 GB); the knowledge base that was asked longest ago goes first."""


_HIT = """
    SELECT words.content, documents.id, bases.id, documents.name
    FROM words, documents JOIN bases ON bases.number = documents.base
    WHERE words.rowid = :number AND documents.number = (
        SELECT number FROM documents WHERE first <= :number AND chunks > 0 ORDER BY first DESC LIMIT 1
    )
"""


@dataclass(frozen=True, slots=True)
class _Base:
    number: int
    id: str
    version: int


@dataclass(frozen=True, slots=True)
class _Matrix:
    version: int
    numbers: NDArray[np.int64]
    vectors: Vectors


class SqliteSearch:
    """Searches over one connection; for one thread at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._matrices = OrderedDict[int, _Matrix]()

    def search(self, organisation: str, bases: Sequence[str] | None, query: Query, limit: int) -> list[Hit]:
        """Return the best passages, best first. Raises RequestError ``not_found``, and sqlite3.Error."""
        with transaction(self._connection, reading=True):
            asked = self._bases(organisation, bases)
            words = self._by_words(asked, query.text) if query.weights.words else []
            numbers, cosines = self._nearness(asked, query.vector)
            meaning = numbers[np.argsort(-cosines)[:CANDIDATES]].tolist()
            chosen = fuse(words, meaning, query.weights, limit)
            hits = [self._hit(each, query.text, float(cosines[numbers == each][0])) for each in chosen]
        return best_first(hits, query.weights)

    def warm(self, base: int) -> None:
        """Read the vectors of a knowledge base, so that the next question need not."""
        with transaction(self._connection, reading=True):
            row = self._connection.execute("SELECT number, id, version FROM bases WHERE number = ?", (base,)).fetchone()
            if row:
                self._matrix(_Base(*row))

    def _bases(self, organisation: str, wanted: Sequence[str] | None) -> list[_Base]:
        found = [
            _Base(*row)
            for row in self._connection.execute(
                "SELECT number, id, version FROM bases WHERE organisation = ? ORDER BY number", (organisation,)
            )
        ]
        if wanted is None:
            return found
        by_id = {each.id: each for each in found}
        for each in wanted:
            if each not in by_id:
                raise not_found("knowledge base", each)
        return [by_id[each] for each in dict.fromkeys(wanted)]

    def _by_words(self, bases: Sequence[_Base], question: str) -> list[int]:
        words = " OR ".join(f'"{word}"' for word in telling_words(question))
        if not words or not bases:
            return []
        among = " OR ".join(base_word(each.number) for each in bases)
        rows = self._connection.execute(
            "SELECT rowid FROM words WHERE words MATCH ? ORDER BY bm25(words, 1.0, 0.0) LIMIT ?",
            (f"base : ({among}) AND content : ({words})", CANDIDATES),
        )
        return [number for (number,) in rows]

    def _nearness(self, bases: Sequence[_Base], vector: Vectors) -> tuple[NDArray[np.int64], Vectors]:
        """Return every chunk's number and the cosine of its vector and this one.

        Not with ``@``: BLAS wakes all its threads for it, which takes ten times as long where others work as well.
        """
        matrices = [self._matrix(each) for each in bases]
        numbers = [np.empty(0, np.int64), *(each.numbers for each in matrices)]
        cosines = [np.empty(0, np.float32), *(np.einsum("ij,j->i", each.vectors, vector) for each in matrices)]
        return np.concatenate(numbers), np.concatenate(cosines)

    def _matrix(self, base: _Base) -> _Matrix:
        kept = self._matrices.pop(base.number, None)
        if kept is None or kept.version != base.version:
            kept = self._read_matrix(base)
        self._matrices[base.number] = kept
        while len(self._matrices) > 1 and sum(len(each.numbers) for each in self._matrices.values()) > _MOST_VECTORS:
            self._matrices.popitem(last=False)
        return kept

    def _read_matrix(self, base: _Base) -> _Matrix:
        rows = self._connection.execute(
            "SELECT first, chunks, vectors FROM documents WHERE base = ? AND status = 'indexed'", (base.number,)
        ).fetchall()
        numbers = [np.arange(first, first + chunks, dtype=np.int64) for first, chunks, _ in rows]
        vectors = np.frombuffer(b"".join(vectors for *_, vectors in rows), "<f4").reshape(-1, DIMENSION)
        return _Matrix(base.version, np.concatenate([np.empty(0, np.int64), *numbers]), vectors)

    def _hit(self, number: int, question: str, cosine: float) -> Hit:
        content, document, base, name = self._connection.execute(_HIT, {"number": number}).fetchone()
        return Hit(content, relevance(question, content, cosine), document, base, name)
