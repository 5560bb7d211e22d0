"""Records of one kind, organisation by organisation: a pydantic model as JSON, sometimes with bytes beside it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from ...errors import service_error
from ..store_faults import corrupt, not_found
from .database import Database

__all__ = ["CURSOR", "Collection", "Page"]

CURSOR = r"c[1-9][0-9]{0,17}"
"""What a cursor looks like; what it means is nobody's business."""

Entry = TypeVar("Entry", bound=BaseModel)

_NEWEST_FIRST = "SELECT number, body FROM records WHERE kind = ? AND organisation = ? AND number < ?"


@dataclass(frozen=True, slots=True)
class Page(Generic[Entry]):
    """A part of a list."""

    entries: list[Entry]
    """Newest first."""
    next_cursor: str | None
    """Where the next part begins; None after the last one."""


class Collection(Generic[Entry]):
    """The records of one kind. What one organisation keeps, no other one sees.

    Every method raises ServerError ``store_locked``, ``store_full`` ... when the disk does not do its part.
    """

    def __init__(self, database: Database, kind: str, entry: type[Entry], *, most: int, trim: bool = False) -> None:
        """``kind`` is also the word for it in messages. Of more than ``most`` records of an organisation the oldest
        go (``trim``), or the new one is refused.
        """
        self._database = database
        self._kind = kind
        self._entry = entry
        self._most = most
        self._trim = trim

    async def add(self, organisation: str, identifier: str, entry: Entry, data: bytes | None = None) -> Entry:
        """Keep a new record. Raises RequestError ``limit_reached`` (409) when there are too many."""
        return await self._database.run(
            lambda connection: self.insert(connection, organisation, identifier, entry, data)
        )

    def insert(
        self,
        connection: sqlite3.Connection,
        organisation: str,
        identifier: str,
        entry: Entry,
        data: bytes | None = None,
    ) -> Entry:
        """As :meth:`add`, for work that does more in the same transaction."""
        self._make_room(connection, organisation)
        row = (self._kind, organisation, identifier, entry.model_dump_json(), data)
        connection.execute("INSERT INTO records (kind, organisation, id, body, data) VALUES (?, ?, ?, ?, ?)", row)
        return entry

    def _make_room(self, connection: sqlite3.Connection, organisation: str) -> None:
        where = (self._kind, organisation)
        counted = connection.execute("SELECT count(*) FROM records WHERE kind = ? AND organisation = ?", where)
        over = counted.fetchone()[0] + 1 - self._most
        if over > 0 and not self._trim:
            raise service_error(
                f"There are already {self._most} records of the kind {self._kind}: delete some",
                code="limit_reached",
                status=409,
            )
        if over > 0:
            oldest = "SELECT number FROM records WHERE kind = ? AND organisation = ? ORDER BY number LIMIT ?"
            connection.execute(f"DELETE FROM records WHERE number IN ({oldest})", (*where, over))

    async def get(self, organisation: str, identifier: str) -> Entry:
        """Return a record. Raises RequestError ``not_found`` for an id that the organisation does not have."""
        found = await self.find(organisation, identifier)
        if found is None:
            raise not_found(self._kind, identifier)
        return found

    async def find(self, organisation: str, identifier: str) -> Entry | None:
        """Return a record, or None."""
        return await self._database.run(lambda connection: self._select(connection, organisation, identifier))

    async def data(self, organisation: str, identifier: str) -> bytes:
        """Return the bytes beside a record; empty where there are none. Raises RequestError ``not_found``."""
        where = (self._kind, organisation, identifier)
        query = "SELECT data FROM records WHERE kind = ? AND organisation = ? AND id = ?"
        row = await self._database.run(lambda connection: connection.execute(query, where).fetchone())
        if row is None:
            raise not_found(self._kind, identifier)
        return row[0] or b""

    async def page(self, organisation: str, limit: int = 20, cursor: str | None = None, **equal: str) -> Page[Entry]:
        """Return a part of the list whose fields have these values. Raises RequestError for a cursor that is none."""
        before = _read_cursor(cursor)
        conditions = "".join(f" AND json_extract(body, '$.{name}') = ?" for name in equal)
        values = (self._kind, organisation, before, *equal.values(), limit + 1)
        query = f"{_NEWEST_FIRST}{conditions} ORDER BY number DESC LIMIT ?"
        rows = await self._database.run(lambda connection: connection.execute(query, values).fetchall())
        entries = [self._read(body) for _, body in rows[:limit]]
        return Page(entries, _write_cursor(rows[limit - 1][0]) if len(rows) > limit else None)

    async def all(self, organisation: str) -> list[Entry]:
        """Return all records of an organisation, oldest first."""
        return await self._database.run(lambda connection: self.select_all(connection, organisation))

    def select_all(self, connection: sqlite3.Connection, organisation: str) -> list[Entry]:
        """As :meth:`all`, for work that does more in the same transaction."""
        query = "SELECT body FROM records WHERE kind = ? AND organisation = ? ORDER BY number"
        return [self._read(body) for (body,) in connection.execute(query, (self._kind, organisation))]

    async def everywhere(self, **equal: str | bool) -> list[tuple[str, str, Entry]]:
        """Return organisation, id and record of those whose fields have these values, of all organisations."""
        conditions = "".join(f" AND json_extract(body, '$.{name}') = ?" for name in equal)
        query = f"SELECT organisation, id, body FROM records WHERE kind = ?{conditions} ORDER BY number"
        rows = await self._database.run(
            lambda connection: connection.execute(query, (self._kind, *equal.values())).fetchall()
        )
        return [(organisation, identifier, self._read(body)) for organisation, identifier, body in rows]

    async def count(self, organisation: str, **equal: str) -> int:
        """Return how many records of an organisation have these values."""
        conditions = "".join(f" AND json_extract(body, '$.{name}') = ?" for name in equal)
        query = f"SELECT count(*) FROM records WHERE kind = ? AND organisation = ?{conditions}"
        values = (self._kind, organisation, *equal.values())
        return await self._database.run(lambda connection: connection.execute(query, values).fetchone()[0])

    async def owner(self, identifier: str) -> str | None:
        """Return whose record has this id; None: nobody's."""
        query = "SELECT organisation FROM records WHERE kind = ? AND id = ?"
        row = await self._database.run(
            lambda connection: connection.execute(query, (self._kind, identifier)).fetchone()
        )
        return row[0] if row else None

    async def change(
        self, organisation: str, identifier: str, change: Callable[[Entry], Entry], *, keep_data: bool = True
    ) -> Entry:
        """Replace a record by what ``change`` makes of it; nothing can come in between.

        Without ``keep_data`` the bytes beside it go. Raises RequestError ``not_found``, and what ``change`` raises;
        then nothing is changed.
        """

        def update(connection: sqlite3.Connection) -> Entry:
            found = self._select(connection, organisation, identifier)
            if found is None:
                raise not_found(self._kind, identifier)
            changed = change(found)
            self._write(connection, organisation, identifier, changed, keep_data)
            return changed

        return await self._database.run(update)

    async def put(self, organisation: str, identifier: str, entry: Entry) -> Entry:
        """Keep a record, in the place of the one with this id if there is one."""
        return await self.put_changed(organisation, identifier, entry, lambda _: entry)

    async def put_changed(
        self, organisation: str, identifier: str, first: Entry, change: Callable[[Entry], Entry]
    ) -> Entry:
        """As :meth:`change`; where there is no record yet, ``first`` is changed."""
        return await self._database.run(
            lambda connection: self.upsert(connection, organisation, identifier, first, change)
        )

    def upsert(
        self,
        connection: sqlite3.Connection,
        organisation: str,
        identifier: str,
        first: Entry,
        change: Callable[[Entry], Entry],
    ) -> Entry:
        """As :meth:`put_changed`, for work that does more in the same transaction."""
        found = self._select(connection, organisation, identifier)
        if found is None:
            self._make_room(connection, organisation)
        changed = change(found or first)
        self._write(connection, organisation, identifier, changed)
        return changed

    async def remove(self, organisation: str, identifier: str) -> None:
        """Delete a record. Raises RequestError ``not_found``."""
        where = (self._kind, organisation, identifier)
        query = "DELETE FROM records WHERE kind = ? AND organisation = ? AND id = ?"
        if not await self._database.run(lambda connection: connection.execute(query, where).rowcount):
            raise not_found(self._kind, identifier)

    def _select(self, connection: sqlite3.Connection, organisation: str, identifier: str) -> Entry | None:
        query = "SELECT body FROM records WHERE kind = ? AND organisation = ? AND id = ?"
        row = connection.execute(query, (self._kind, organisation, identifier)).fetchone()
        return self._read(row[0]) if row else None

    def _read(self, body: str) -> Entry:
        try:
            return self._entry.model_validate_json(body)
        except ValidationError:  # it holds what is kept, which may be a secret
            pass
        raise corrupt()

    def _write(
        self,
        connection: sqlite3.Connection,
        organisation: str,
        identifier: str,
        entry: Entry,
        keep_data: bool = True,
    ) -> None:
        data = "" if keep_data else ", data = NULL"
        connection.execute(
            "INSERT INTO records (kind, organisation, id, body) VALUES (?, ?, ?, ?)"
            f" ON CONFLICT (kind, organisation, id) DO UPDATE SET body = excluded.body{data}",
            (self._kind, organisation, identifier, entry.model_dump_json()),
        )


_FROM_THE_NEWEST = 1 << 62


def _write_cursor(number: int) -> str:
    return f"c{number}"


def _read_cursor(cursor: str | None) -> int:
    if not cursor:
        return _FROM_THE_NEWEST
    if not re.fullmatch(CURSOR, cursor):
        raise service_error("cursor: expected the next_cursor of a page", code="invalid_request")
    return int(cursor[1:])
