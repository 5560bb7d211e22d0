"""The file of the embedded store: its tables, how it is opened, transactions, and what its errors mean.

Write-ahead log with ``synchronous=FULL``: what was committed survives the end of the process and of the machine.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from ...errors import ServiceError
from ..sqlite import statements, transaction
from .embedding import MODEL
from .faults import corrupt, full, locked, unavailable

__all__ = ["attempt", "base_word", "connect", "prepare", "transaction"]

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_BUSY_MS = 2000
"""How long a writer waits for another process."""
_APPLICATION = 0x70796B62
"""Marks the file as ours ("pykb")."""
_LAYOUT = 1
"""Version of the tables below. The chunks of a document are the rows ``first``, ``first + 1`` ... of ``words``, and so
many rows of float32 in ``vectors``, so that a knowledge base is read in few steps and a document goes in one."""

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
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

_REFUSALS: dict[int, Callable[[], ServiceError]] = {
    sqlite3.SQLITE_BUSY: locked,
    sqlite3.SQLITE_LOCKED: locked,
    sqlite3.SQLITE_FULL: full,
    sqlite3.SQLITE_CORRUPT: corrupt,
    sqlite3.SQLITE_NOTADB: corrupt,
}


def attempt(work: Callable[Parameters, Result], *arguments: Parameters.args, **named: Parameters.kwargs) -> Result:
    """Return ``work(...)``, with SQLite's errors as the store's refusals."""
    try:
        return work(*arguments, **named)
    except sqlite3.Error as error:
        refusal = _refusal(error)
    raise refusal


def _refusal(error: sqlite3.Error) -> ServiceError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _REFUSALS:
        return _REFUSALS[code]()
    return unavailable(str(error))  # SQLite's words: no data, no path


def base_word(base: int) -> str:
    """Return the word that marks the chunks of a knowledge base: one word, because a phrase takes ten times longer."""
    return f"b{base}"


def prepare(path: Path, *, durable: bool = True) -> sqlite3.Connection:
    """Open the file, and make it and its tables where they are not there; readable by its owner only.

    Raises ServerError as the store does, also for a file that is no knowledge store.
    """
    _make(path)
    connection = connect(path, durable=durable)
    try:
        attempt(_set_up, connection)
    except ServiceError:
        connection.close()
        raise
    return connection


def _make(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        return
    except OSError as error:
        reason = error.strerror or type(error).__name__
    raise unavailable(reason)


def connect(path: Path, *, durable: bool = True) -> sqlite3.Connection:
    """Open the file; the connection may be used by one thread after the other. Without ``durable`` no
    step waits for the disk.
    """
    connection = attempt(sqlite3.connect, path, isolation_level=None, check_same_thread=False)
    try:
        attempt(_tune, connection, durable)
    except ServiceError:
        connection.close()
        raise
    return connection


def _tune(connection: sqlite3.Connection, durable: bool) -> None:
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    _is_empty(connection)  # before anything is changed in somebody else's file
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _is_empty(connection: sqlite3.Connection) -> bool:
    """Tell whether the file has no tables yet. Raises ServerError ``store_corrupt`` if those it has are not ours."""
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
        return True
    if connection.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION:
        raise corrupt()
    return False


def _set_up(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        if _is_empty(connection):
            _create(connection)
    layout = connection.execute("PRAGMA user_version").fetchone()[0]
    model = connection.execute("SELECT value FROM meta WHERE name = 'model'").fetchone()
    if layout != _LAYOUT or model != (MODEL,):
        raise unavailable("it was made by another version of this program; add the documents to a new one")


def _create(connection: sqlite3.Connection) -> None:
    for statement in statements(_TABLES):
        connection.execute(statement)
    connection.execute("INSERT INTO meta VALUES ('model', ?)", (MODEL,))
    connection.execute(f"PRAGMA application_id = {_APPLICATION}")
    connection.execute(f"PRAGMA user_version = {_LAYOUT}")
