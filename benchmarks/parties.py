"""Who is measured: implementations, each with the interpreter beside which it is installed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .official import OfficialMissing, official_python

__all__ = ["Party", "pythons"]


@dataclass(frozen=True)
class Party:
    """One implementation."""

    name: str
    module: str
    official: bool = False


def pythons(parties: Iterable[Party]) -> Iterator[tuple[Party, Path]]:
    """Yield the parties that can be had and their interpreters; say which cannot, and why."""
    for party in parties:
        try:
            yield party, official_python() if party.official else Path(sys.executable)
        except OfficialMissing as missing:
            print(f"{party.name}: left out, {missing}", file=sys.stderr)
