"""The file of the embedded store: its tables, and how it is opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ..sqlite import Layout, open_file
from .embedding import MODEL

__all__ = ["base_word", "connect"]

_TABLES = f"""
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO meta VALUES ('model', '{MODEL}');
CREATE TABLE bases (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, organisation TEXT NOT NULL, name TEXT NOT NULL,
    created_at INTEGER NOT NULL, version INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX bases_of ON bases (organisation);
CREATE TABLE documents (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, base INTEGER NOT NULL REFERENCES bases ON DELETE CASCADE,
    name TEXT NOT NULL, media_type TEXT NOT NULL, size INTEGER NOT NULL, status TEXT NOT NULL DEFAULT 'pending',
    reason TEXT NOT NULL DEFAULT '', created_at INTEGER NOT NULL,
    first INTEGER NOT NULL DEFAULT 0, chunks INTEGER NOT NULL DEFAULT 0, vectors BLOB, data BLOB
);
CREATE INDEX documents_of ON documents (base);
CREATE INDEX documents_pending ON documents (number) WHERE status = 'pending';
CREATE INDEX documents_from ON documents (first);
CREATE VIRTUAL TABLE words USING fts5 (content, base, tokenize = 'porter unicode61 remove_diacritics 2');
CREATE TRIGGER documents_gone AFTER DELETE ON documents BEGIN
    DELETE FROM words WHERE rowid BETWEEN old.first AND old.first + old.chunks - 1;
END;
"""
"""The chunks of a document are the rows ``first``, ``first + 1`` ... of ``words``, and so many rows of float32 in
``vectors``, so that a knowledge base is read in few steps and a document goes in one."""


def _has_our_vectors(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT value FROM meta WHERE name = 'model'").fetchone() == (MODEL,)


_LAYOUT = Layout(application=0x70796B62, version=1, script=_TABLES, fits=_has_our_vectors)  # "pykb"


def connect(path: Path, *, durable: bool = True) -> sqlite3.Connection:
    """Open the file as :func:`~pyai_voice.server.sqlite.open_file` does; also refused where its vectors are another
    model's.
    """
    return open_file(path, _LAYOUT, durable=durable)


def base_word(base: int) -> str:
    """Return the word that marks the chunks of a knowledge base: one word, because a phrase takes ten times longer."""
    return f"b{base}"
