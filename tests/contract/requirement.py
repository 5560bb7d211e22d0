"""A conformance statement."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Requirement:
    """One statement and where it is shown."""

    id: str
    sentence: str
    tests: tuple[str, ...]
