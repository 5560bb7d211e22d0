"""Which store an address means."""

from __future__ import annotations

from pathlib import Path

from ...errors import ConfigurationError
from . import KnowledgeStore
from .sqlite import SqliteStore

__all__ = ["open_store"]
_POSTGRES = ("postgres://", "postgresql://")


async def open_store(where: str | Path | None = None) -> KnowledgeStore:
    """Open the store at ``where``, and make it if need be.

    ``postgres://...`` or ``postgresql://...``: a PostgreSQL database with pgvector. A folder: the file in it; any other
    path: that file. None: a file that goes when the store is closed. Raises ServerError as the store does, and
    ConfigurationError when the store's driver is not installed.
    """
    if str(where).startswith(_POSTGRES):
        return await _open_postgres(str(where))
    if where is None:
        return await SqliteStore.temporary()
    return await SqliteStore.open(Path(where))


async def _open_postgres(url: str) -> KnowledgeStore:
    try:
        from .postgres import PostgresStore
    except ModuleNotFoundError as error:
        missing = error.name
    else:
        return await PostgresStore.open(url)
    raise ConfigurationError(
        f"A knowledge store on PostgreSQL needs {missing}",
        code="engine_missing",
        hint="pip install 'pyai-voice[postgres]'",
    )
