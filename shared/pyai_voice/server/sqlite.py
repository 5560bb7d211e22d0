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

from ..errors import ServiceError
from .store_faults import THE_STORE, corrupt, full, locked, unavailable

__all__ = ["Layout", "attempt", "open_file", "open_memory", "transaction"]

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_BUSY_MS = 2000
"""How long a writer waits for another process."""
_FAULTS = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite raises; of some damaged files even the complaint cannot be read."""
_REFUSALS: dict[int, Callable[[str], ServiceError]] = {
    sqlite3.SQLITE_BUSY: locked,
    sqlite3.SQLITE_LOCKED: locked,
    sqlite3.SQLITE_FULL: full,
    sqlite3.SQLITE_CORRUPT: corrupt,
    sqlite3.SQLITE_NOTADB: corrupt,
}


@dataclass(frozen=True, slots=True)
class Layout:
    """What a file holds."""

    application: int
    """Marks the file as ours."""
    version: int
    """Of the tables; another one is refused."""
    script: str
    """Makes the tables, and what is in them from the beginning."""
    fits: Callable[[sqlite3.Connection], bool] = lambda _: True
    """Whether what is in tables of this version is what this program uses."""


def attempt(work: Callable[Parameters, Result], *arguments: Parameters.args, **named: Parameters.kwargs) -> Result:
    """Return ``work(...)``, with SQLite's errors as ServerError ``store_locked``, ``store_full`` ..."""
    try:
        return work(*arguments, **named)
    except _FAULTS as error:
        refusal = _refusal(error, THE_STORE)
    raise refusal


def _refusal(error: sqlite3.Error | UnicodeDecodeError, store: str) -> ServiceError:
    if isinstance(error, UnicodeDecodeError):
        return corrupt(store)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _REFUSALS:
        return _REFUSALS[code](store)
    return unavailable(str(error), store)  # SQLite's words: no data, no path


def open_file(path: Path, layout: Layout, *, durable: bool = True) -> sqlite3.Connection:
    """Open a file, and make it and its tables where they are not there; a new one is readable by its owner only.

    The connection may be used by one thread after the other. Without ``durable`` no step waits for the disk. Raises
    ServerError, with the name of the file, also for a file that is not ours.
    """
    store = f"The store {path.name}"
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        return _opened(str(path), layout, store, durable)
    except _FAULTS as error:
        refusal = _refusal(error, store)
    except OSError as error:
        refusal = unavailable(error.strerror or type(error).__name__, store)
    raise refusal


def open_memory(layout: Layout) -> sqlite3.Connection:
    """Make the tables in memory."""
    return _opened(":memory:", layout, "The memory", durable=True)


def _opened(where: str, layout: Layout, store: str, durable: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(where, isolation_level=None, check_same_thread=False)
    try:
        _set_up(connection, layout, store, durable)
    except (*_FAULTS, ServiceError):
        connection.close()
        raise
    return connection


def _set_up(connection: sqlite3.Connection, layout: Layout, store: str, durable: bool) -> None:
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    empty = _is_empty(connection, layout, store)  # before anything is changed in somebody else's file
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")
    if empty:
        with transaction(connection):
            if _is_empty(connection, layout, store):  # nobody else has filled it in between
                _create(connection, layout)
    if connection.execute("PRAGMA user_version").fetchone()[0] != layout.version or not layout.fits(connection):
        raise unavailable("it was made by another version of this program; start with a new one", store)


def _is_empty(connection: sqlite3.Connection, layout: Layout, store: str) -> bool:
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
        return True
    if connection.execute("PRAGMA application_id").fetchone()[0] != layout.application:
        raise corrupt(store)
    return False


def _create(connection: sqlite3.Connection, layout: Layout) -> None:
    for statement in _statements(layout.script):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {layout.application}")
    connection.execute(f"PRAGMA user_version = {layout.version}")


def _statements(script: str) -> Generator[str]:
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
