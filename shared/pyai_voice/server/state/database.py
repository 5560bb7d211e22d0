"""The database of the server's state: one file, or memory, and the one thread that uses it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Self, TypeVar

from ..sqlite import Layout, attempt, open_file, open_memory, transaction

__all__ = ["Database"]

Result = TypeVar("Result")

_FILE = "state.sqlite3"
"""Its name in a folder."""

_LAYOUT = Layout(
    application=0x70797374,  # "pyst"
    version=1,
    script="""
CREATE TABLE records (
    number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, organisation TEXT NOT NULL, id TEXT NOT NULL,
    body TEXT NOT NULL, data BLOB, UNIQUE (kind, organisation, id)
);
CREATE INDEX records_of ON records (kind, organisation, number);
CREATE INDEX records_named ON records (kind, id);
CREATE INDEX records_status ON records (kind, json_extract(body, '$.status'));
CREATE INDEX records_due ON records (kind, json_extract(body, '$.callback_due'));
""",
)


class Database:
    """Runs one piece of work after the other, each in a transaction of its own."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._thread = ThreadPoolExecutor(1, "state")

    @classmethod
    async def open(cls, folder: Path | None = None) -> Self:
        """Open the file in a folder, or memory that goes when it is closed.

        Raises ServerError ``store_locked``, ``store_corrupt`` or ``store_unavailable``.
        """
        if folder is None:
            return cls(open_memory(_LAYOUT))
        return cls(await asyncio.to_thread(_open, folder / _FILE))

    async def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Return what ``work`` returns: all that it changes is on the disk then, or nothing when it raises.

        Raises what ``work`` raises, SQLite's errors as ServerError ``store_locked``, ``store_full`` ...
        """
        return await asyncio.wrap_future(self._thread.submit(attempt, self._transact, work))

    def _transact(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        with transaction(self._connection):
            return work(self._connection)

    async def aclose(self) -> None:
        """Finish what was begun, and close."""
        await asyncio.to_thread(self._thread.shutdown)
        self._connection.close()


def _open(path: Path) -> sqlite3.Connection:
    """Open the file, which holds secrets: one that was copied here may be readable by others."""
    for part in ("", "-wal", "-shm"):
        with suppress(OSError):  # it is not there, or nobody owns files there
            path.with_name(f"{path.name}{part}").chmod(0o600)
    return open_file(path, _LAYOUT)
