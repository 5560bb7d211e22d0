"""Connections to PostgreSQL: the address, the tables, and what its errors mean.

To a host that is not this machine TLS with a verified certificate is the default; ``sslmode=`` and ``sslrootcert=`` in
the address change it. The password is in no message, log or repr.
"""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from pgvector.psycopg import register_vector_async
from psycopg import AsyncConnection, errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from ...errors import ConfigurationError, ServiceError
from ...redact import register
from ..store_faults import full, locked, unavailable
from .embedding import DIMENSION, MODEL

__all__ = ["Connection", "Pool", "open_pool", "use"]

Connection = AsyncConnection[tuple[Any, ...]]
Pool = AsyncConnectionPool[Connection]

_CONNECTIONS = 8
_PATIENCE = 5.0
"""Seconds for a connection, and for a lock that another client holds."""
_SECRET = 8
"""Letters from which a password is taken out of every message; a shorter one is not looked for, it would hide words."""
_LAYOUT = 1

_TABLES = f"""
CREATE EXTENSION IF NOT EXISTS vector;
CREATE SCHEMA IF NOT EXISTS pyai_voice;
CREATE TABLE IF NOT EXISTS pyai_voice.meta (name text PRIMARY KEY, value text NOT NULL);
INSERT INTO pyai_voice.meta VALUES ('layout', '{_LAYOUT}'), ('model', '{MODEL}') ON CONFLICT DO NOTHING;
CREATE TABLE IF NOT EXISTS pyai_voice.bases (
    number bigserial PRIMARY KEY, id text NOT NULL UNIQUE, organisation text NOT NULL, name text NOT NULL,
    created_at bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS bases_of ON pyai_voice.bases (organisation);
CREATE TABLE IF NOT EXISTS pyai_voice.documents (
    number bigserial PRIMARY KEY, id text NOT NULL UNIQUE,
    base bigint NOT NULL REFERENCES pyai_voice.bases ON DELETE CASCADE,
    name text NOT NULL, media_type text NOT NULL, size bigint NOT NULL, status text NOT NULL DEFAULT 'pending',
    reason text NOT NULL DEFAULT '', created_at bigint NOT NULL, chunks bigint NOT NULL DEFAULT 0,
    words bigint NOT NULL DEFAULT 0, data bytea
);
CREATE INDEX IF NOT EXISTS documents_of ON pyai_voice.documents (base);
CREATE INDEX IF NOT EXISTS documents_pending ON pyai_voice.documents (number) WHERE status = 'pending';
CREATE TABLE IF NOT EXISTS pyai_voice.chunks (
    number bigserial PRIMARY KEY, document bigint NOT NULL REFERENCES pyai_voice.documents ON DELETE CASCADE,
    content text NOT NULL
);
CREATE INDEX IF NOT EXISTS chunks_of ON pyai_voice.chunks (document);
CREATE TABLE IF NOT EXISTS pyai_voice.vectors (
    base bigint NOT NULL, chunk bigint NOT NULL, document bigint NOT NULL REFERENCES pyai_voice.documents
    ON DELETE CASCADE, vector halfvec({DIMENSION}) NOT NULL
);
CREATE INDEX IF NOT EXISTS vectors_of ON pyai_voice.vectors (base);
CREATE INDEX IF NOT EXISTS vectors_from ON pyai_voice.vectors (document);
CREATE TABLE IF NOT EXISTS pyai_voice.postings (
    base bigint NOT NULL, word text NOT NULL, chunk bigint NOT NULL, count smallint NOT NULL, length smallint NOT NULL,
    document bigint NOT NULL REFERENCES pyai_voice.documents ON DELETE CASCADE,
    PRIMARY KEY (base, word, chunk) INCLUDE (count, length)
);
CREATE INDEX IF NOT EXISTS postings_from ON pyai_voice.postings (document);
"""

_REASONS = {
    "28P01": "PostgreSQL refused the user name or the password",
    "28000": "PostgreSQL refused the user",
    "3D000": "PostgreSQL has no such database",
    "42501": "the user may not make or use its tables",
    "0A000": "PostgreSQL has no pgvector",
    "58P01": "PostgreSQL has no pgvector",
}


async def open_pool(url: str) -> Pool:
    """Connect, and make the tables where they are not there.

    Raises ConfigurationError for an address that is none, and ServerError as the store does.
    """
    address = _address(url)
    pool: Pool = AsyncConnectionPool(
        address,
        kwargs={"autocommit": True},
        configure=register_vector_async,
        min_size=1,
        max_size=_CONNECTIONS,
        timeout=_PATIENCE,
        check=AsyncConnectionPool.check_connection,
        open=False,
    )
    refusal: ServiceError | None = None
    try:
        await _set_up(pool, address)
    except psycopg.Error as error:
        refusal = _refusal(error)
    except ServiceError as error:
        refusal = error
    if refusal is None:
        return pool
    await pool.close()
    raise refusal


async def _set_up(pool: Pool, address: str) -> None:
    connection = await AsyncConnection.connect(address, autocommit=True)
    async with connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('pyai_voice.knowledge'))")
        await connection.execute(_TABLES.encode())
        rows = await (await connection.execute("SELECT name, value FROM pyai_voice.meta")).fetchall()
    if dict(rows) != {"layout": str(_LAYOUT), "model": MODEL}:
        raise unavailable("it was made by another version of this program; start with a new one")
    await pool.open(wait=True, timeout=_PATIENCE)


def _address(url: str) -> str:
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error:  # its text may hold a piece of the password
        parts = None
    if parts is None:
        raise ConfigurationError(
            "The address of the knowledge store is not one of PostgreSQL",
            code="invalid_option",
            hint="Expected postgres://user:password@host:port/database; letters such as @ and / in %-form",
        )
    password = str(parts.get("password") or "")
    if len(password) >= _SECRET:
        register(password)
    defaults: dict[str, Any] = {"connect_timeout": str(round(_PATIENCE)), "application_name": "pyai-voice"}
    if not _is_here(str(parts.get("host") or "")):
        defaults |= {"sslmode": "verify-full", "sslrootcert": "system"}
    return make_conninfo("", **{**defaults, **parts})


def _is_here(host: str) -> bool:
    if host in ("", "localhost") or host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@asynccontextmanager
async def use(pool: Pool) -> AsyncGenerator[Connection]:
    """Lend a connection for one transaction; PostgreSQL's errors leave it as the store's refusals."""
    refusal: ServiceError | None = None
    try:
        async with pool.connection() as connection, connection.transaction():
            yield connection
    except psycopg.Error as error:
        refusal = _refusal(error)
    if refusal is not None:
        raise refusal


def _refusal(error: psycopg.Error) -> ServiceError:
    if isinstance(error, errors.DiskFull):
        return full()
    if isinstance(error, errors.LockNotAvailable):
        return locked()
    if isinstance(error, PoolTimeout):
        return unavailable("PostgreSQL does not answer, or all connections are in use")
    if not error.sqlstate:
        return unavailable("PostgreSQL cannot be reached, or the connection was lost")
    return unavailable(_REASONS.get(error.sqlstate, f"PostgreSQL refused ({error.sqlstate})"))
