"""Table rows that make sense alone: each cell with the head of its column."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from .. import Block

__all__ = ["Table"]


class Table:
    """Collects cells; gives rows such as "Treatment: check-up; Price: 45 euro"."""

    def __init__(self) -> None:
        self._cells: list[str] = []
        self._all_heads = True
        self._heads: list[str] = []
        self._used = True

    def cell(self, text: str, *, head: bool) -> None:
        """Add the next cell of the row."""
        self._cells.append(text)
        self._all_heads = self._all_heads and head

    def row(self) -> Iterator[Block]:
        """End the row; a row of heads is kept back and put into the rows below it."""
        cells, heads = self._cells, self._all_heads
        self._cells, self._all_heads = [], True
        if heads and cells:
            yield from self.end()
            self._heads, self._used = cells, False
        elif text := _text(self._heads[: len(cells)], cells):
            self._used = True
            yield Block(text)

    def end(self) -> Iterator[Block]:
        """End the table; heads that no row has used are a row of their own."""
        heads, used = self._heads, self._used
        self._heads, self._used = [], True
        text = "; ".join(filter(None, heads))
        if text and not used:
            yield Block(text)


def _text(heads: list[str], cells: list[str]) -> str:
    pairs = zip_longest(heads, cells, fillvalue="")
    return "; ".join(f"{head}: {cell}" if head else cell for head, cell in pairs if cell)
