"""What every benchmark prints and writes: Markdown tables, and the same numbers as JSON."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Table", "medians", "quantile", "run"]

Value = str | float | int | None


@dataclass(frozen=True)
class Table:
    """Rows of numbers under a title; None is a number that there is not."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Value]]

    def markdown(self) -> str:
        """Return it as Markdown, in columns of even width."""
        cells = [list(self.heads), *([_text(value) for value in row] for row in self.rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(self.heads))]
        lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
        rule = " | ".join("-" * width for width in widths)
        return f"**{self.title}**\n\n" + "\n".join(f"| {line} |" for line in [lines[0], rule, *lines[1:]])


def _text(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"
    return "-" if value is None else str(value)


def quantile(values: Iterable[float], part: float) -> float | None:
    """Return the value below which this part of the values lies; None where there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else None


def medians(values: Iterable[float | None]) -> float | None:
    """Return the median of the values that there are."""
    there = [value for value in values if value is not None]
    return statistics.median(there) if there else None


def run(name: str, description: str | None, measure: Callable[[bool], list[Table]]) -> None:
    """The command line of one benchmark: measure, print, write."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="a few seconds, for a first look")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there as well")
    arguments = parser.parse_args()
    tables = measure(arguments.quick)
    print("\n\n".join(table.markdown() for table in tables))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(table) for table in tables], indent=1), encoding="utf-8")
