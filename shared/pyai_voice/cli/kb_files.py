"""Files, folders and globs to documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

from ..errors import ConfigurationError
from ..server.knowledge.documents import SUFFIXES

__all__ = ["File", "find_files"]


@dataclass(frozen=True, slots=True)
class File:
    """A file and what its document is called."""

    path: Path
    name: str
    """Its path below the folder that was named, else its own name."""


def find_files(paths: Sequence[str]) -> list[File]:
    """Return each file once, in order; of a folder those that can be read, but no hidden ones.

    Raises ConfigurationError for a path that is not there and a folder or glob without a document.
    """
    found = {file.path.resolve(): file for path in paths for file in _files(path)}
    return list(found.values())


def _files(path: str) -> list[File]:
    if Path(path).is_dir():
        files = sorted(_below(Path(path)), key=lambda file: file.path)
    elif Path(path).exists() or not has_magic(path):
        return [File(Path(path), Path(path).name)]
    else:
        files = [
            File(Path(each), Path(each).name) for each in sorted(glob(path, recursive=True)) if Path(each).is_file()
        ]
    if not files:
        raise ConfigurationError(f"There is no document in {path}", code="invalid_option", hint=_HINT)
    return files


_HINT = f"Documents end in {', '.join(SUFFIXES)}; name others one by one"


def _below(folder: Path) -> Iterator[File]:
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in name.parts)
        if path.suffix.lower() in SUFFIXES and not hidden and path.is_file():
            yield File(path, name.as_posix())
