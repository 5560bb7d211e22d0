"""The store that a command works on: opened and closed, and its knowledge bases by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import ConfigurationError
from ..server.knowledge import KnowledgeBase
from ..server.settings import prepare_folder

__all__ = ["chosen", "existing", "made", "one"]


def made(where: str | Path) -> str | Path:
    """Return the place; a folder is made if need be. Raises ConfigurationError where that cannot be done."""
    if isinstance(where, Path):
        prepare_folder(where)
    return where


def existing(where: str | Path) -> str | Path:
    """Return the place. Raises ConfigurationError for a folder that is not there: a typing error, most likely."""
    if isinstance(where, Path) and not where.is_dir():
        raise ConfigurationError(f"There is no folder {where}", code="invalid_option", hint="Check --data")
    return where


def one(bases: Iterable[KnowledgeBase], wanted: str) -> KnowledgeBase | None:
    """Return the knowledge base with this id or name, None where there is none.

    Raises ConfigurationError where several have that name.
    """
    named = [base for base in bases if wanted in (base.id, base.name)]
    if len(named) > 1:
        ids = ", ".join(base.id for base in named)
        raise ConfigurationError(
            f"There are {len(named)} knowledge bases named {wanted!r}", code="invalid_option", hint=f"Say which: {ids}"
        )
    return named[0] if named else None


def chosen(bases: Sequence[KnowledgeBase], wanted: Sequence[str] | None) -> list[KnowledgeBase]:
    """Return the knowledge bases with these ids or names (None: all). Raises ConfigurationError for an unknown one."""
    return list(bases) if not wanted else [_known(bases, each) for each in wanted]


def _known(bases: Sequence[KnowledgeBase], wanted: str) -> KnowledgeBase:
    found = one(bases, wanted)
    if found is not None:
        return found
    names = ", ".join(repr(base.name) for base in bases) or "none"
    raise ConfigurationError(
        f"There is no knowledge base {wanted!r}", code="unknown_knowledge_base", hint=f"There are: {names}"
    )
