"""One server for one data folder: two would do each other's waiting jobs a second time.

The lock is the system's: it is gone with the process, however that ends.
"""

from __future__ import annotations

import importlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ..errors import ConfigurationError

__all__ = ["claimed"]


@contextmanager
def claimed(folder: Path | None) -> Generator[None]:
    """Hold the folder until the end of the block. Raises ConfigurationError where another server holds it.

    Without effect where there is no folder, or no such lock (Windows).
    """
    if folder is None:
        yield
        return
    with _opened(folder / "serve.lock") as file:
        if not _lock(file.fileno()):
            raise ConfigurationError(
                f"Another pyai-voice serve uses {folder}",
                code="invalid_option",
                hint="Stop it, or choose another folder with --data",
            )
        yield


def _opened(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        reason = error.strerror or type(error).__name__
    raise ConfigurationError(
        f"Cannot use {path}: {reason}", code="invalid_option", hint="Choose another folder with --data"
    )


def _lock(file: int) -> bool:
    try:
        fcntl = importlib.import_module("fcntl")
    except ModuleNotFoundError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
