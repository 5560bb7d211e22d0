"""SQLite files of this server: made, opened, marked as ours; transactions, and what the errors mean.

Write-ahead log with ``synchronous=FULL``: what was committed survives the end of the process and of the machine.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from ..errors import ServiceError, service_error

__all__ = ["Layout", "attempt", "open_file", "open_memory", "statements", "transaction"]

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_BUSY_MS = 2000
"""How long a writer waits for another process."""
_RETRY_AFTER = 1.0


@dataclass(frozen=True, slots=True)
class Layout:
    """What a file holds."""

    application: int
    """Marks the file as ours."""
    version: int
    """Of the tables; another one is refused."""
    script: str
    """Makes the tables."""


def _locked() -> ServiceError:
    return service_error(
        "Another program has locked the store; nothing was changed",
        code="store_locked",
        status=503,
        retry_after=_RETRY_AFTER,
    )


def _full() -> ServiceError:
    return service_error("The disk of the store is full; nothing was changed", code="store_full", status=507)


def _corrupt() -> ServiceError:
    return service_error(
        "The store is damaged, or is none of ours: restore it from a copy, or remove it to start anew",
        code="store_corrupt",
        status=500,
    )


def _unavailable(reason: str) -> ServiceError:
    return service_error(f"The store cannot be used: {reason}", code="store_unavailable", status=503)


_REFUSALS: dict[int, Callable[[], ServiceError]] = {
    sqlite3.SQLITE_BUSY: _locked,
    sqlite3.SQLITE_LOCKED: _locked,
    sqlite3.SQLITE_FULL: _full,
    sqlite3.SQLITE_CORRUPT: _corrupt,
    sqlite3.SQLITE_NOTADB: _corrupt,
}


def attempt(work: Callable[Parameters, Result], *arguments: Parameters.args, **named: Parameters.kwargs) -> Result:
    """Return ``work(...)``, with SQLite's errors as ServerError ``store_locked``, ``store_full`` ..."""
    try:
        return work(*arguments, **named)
    except sqlite3.Error as error:
        refusal = _refusal(error)
    raise refusal


def _refusal(error: sqlite3.Error) -> ServiceError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _REFUSALS:
        return _REFUSALS[code]()
    return _unavailable(str(error))  # SQLite's words: no data, no path


def open_file(path: Path, layout: Layout) -> sqlite3.Connection:
    """Open a file, and make it and its tables where they are not there; readable by its owner only.

    The connection may be used by one thread after the other. Raises ServerError, also for a file that is not ours.
    """
    _make(path)
    return _opened(str(path), layout)


def open_memory(layout: Layout) -> sqlite3.Connection:
    """Make the tables in memory."""
    return _opened(":memory:", layout)


def _opened(where: str, layout: Layout) -> sqlite3.Connection:
    connection = attempt(sqlite3.connect, where, isolation_level=None, check_same_thread=False)
    try:
        attempt(_set_up, connection, layout)
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
    raise _unavailable(reason)


def _set_up(connection: sqlite3.Connection, layout: Layout) -> None:
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    _is_empty(connection, layout)  # before anything is changed in somebody else's file
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")
    with transaction(connection):
        if _is_empty(connection, layout):
            _create(connection, layout)
    if connection.execute("PRAGMA user_version").fetchone()[0] != layout.version:
        raise _unavailable("it was made by another version of this program; start with an empty folder")


def _is_empty(connection: sqlite3.Connection, layout: Layout) -> bool:
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
        return True
    if connection.execute("PRAGMA application_id").fetchone()[0] != layout.application:
        raise _corrupt()
    return False


def _create(connection: sqlite3.Connection, layout: Layout) -> None:
    for statement in statements(layout.script):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {layout.application}")
    connection.execute(f"PRAGMA user_version = {layout.version}")


def statements(script: str) -> Generator[str]:
    """Cut a script into statements; ``executescript`` would end the transaction."""
    statement = ""
    for line in script.splitlines():
        statement += f"{line}\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


@contextmanager
def transaction(connection: sqlite3.Connection, *, reading: bool = False) -> Generator[None]:
    """All of the block or nothing of it; ``reading`` sees one state of the file throughout."""
    connection.execute("BEGIN" if reading else "BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:  # a full disk may have ended it already
            connection.execute("ROLLBACK")
