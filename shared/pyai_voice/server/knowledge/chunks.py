"""Cuts a document into pieces of about 120 words that make sense alone.

A piece never spans a heading, ends where a sentence or a table row ends, begins with the end of the piece before it,
and has the titles above it. Only what is much longer than a piece without any end is cut between two words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from . import Block, Chunk, Document

__all__ = ["Sizes", "split"]

_SENTENCE_END = re.compile(
    r"(?<=[.!?\u2026])(?<!\b[A-Z]\.)(?<!\b(?:Dr|Mr|Ms|St|No|vs)\.)(?<!\b(?:Mrs|e\.g|i\.e|etc)\.)\s+"
    r"|(?<=[\u3002\uff01\uff1f])\s*"
)
"""White space after a full stop that ends no abbreviation; Chinese and Japanese ones need no white space."""
_LONGEST_HEADING = 25
"""Words; a longer one is a paragraph that somebody has formatted so."""
_LETTERS = 10
"""Letters that are counted as a word where there are no spaces."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large a piece is, in words."""

    aim: int = 120
    """A piece is closed before it would have more."""
    slack: int = 40
    """The last piece below a heading may have so many more, so that no scrap is left."""
    overlap: int = 20
    """At most so many words are said again at the beginning of the next piece."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is not torn: a sentence, or a part of an overlong one."""

    text: str
    words: int
    opens: bool
    """It begins a paragraph."""


def split(document: Document, sizes: Sizes = Sizes()) -> list[Chunk]:
    """Return the pieces of a document, in reading order; every word of it is in one of them, or in its titles."""
    chunks: list[Chunk] = []
    for titles, texts in _sections(document):
        units = [unit for text in texts for unit in _units(text, sizes.aim)]
        for piece in _pieces(units, sizes):
            chunks.append(Chunk(_joined(piece), " > ".join(titles), len(chunks)))
    return chunks


def _sections(document: Document) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the titles above, and the texts below them until the next heading."""
    sections: list[tuple[list[Block], list[str]]] = [([], [])]
    for block in document.blocks:
        if block.level and _size(block.text) <= _LONGEST_HEADING:
            above = [title for title in sections[-1][0] if title.level < block.level]
            sections.append(([*above, block], []))
        else:
            sections[-1][1].append(block.text)
    for (titles, texts), (below, _) in zip(sections, [*sections[1:], ([], [])], strict=True):
        if texts:
            yield _named(titles, document.title), texts
        elif titles and below[: len(titles)] != titles:  # a heading with nothing below it is text itself
            yield _named(titles[:-1], document.title), [titles[-1].text]


def _named(titles: list[Block], document: str) -> list[str]:
    outermost = [] if titles and titles[0].level == 1 or not document else [document]
    return outermost + [title.text for title in titles]


def _size(text: str) -> int:
    return max(len(text.split()), len(text) // _LETTERS)


def _units(text: str, most: int) -> Iterator[_Unit]:
    opens = True
    for sentence in filter(None, _SENTENCE_END.split(text)):
        for part in [sentence] if _size(sentence) <= most else _parts(sentence.split(), most):
            yield _Unit(part, _size(part), opens)
            opens = False


def _parts(words: list[str], most: int) -> Iterator[str]:
    """Cut between words; a word that is longer than a piece, which no language has, is cut as well."""
    longest = most * _LETTERS
    part: list[str] = []
    length = 0
    for word in (each[start : start + longest] for each in words for start in range(0, len(each), longest)):
        if part and (len(part) == most or length + len(word) + 1 > longest):
            yield " ".join(part)
            part, length = [], 0
        part.append(word)
        length += len(word) + 1
    yield " ".join(part)


def _pieces(units: list[_Unit], sizes: Sizes) -> Iterator[list[_Unit]]:
    piece: list[_Unit] = []
    size = 0
    left = sum(unit.words for unit in units)
    for unit in units:
        if piece and size + unit.words > sizes.aim and size + left > sizes.aim + sizes.slack:
            yield piece
            piece = _end_of(piece, sizes.overlap)
            size = sum(each.words for each in piece)
        piece.append(unit)
        size += unit.words
        left -= unit.words
    yield piece


def _end_of(piece: list[_Unit], most: int) -> list[_Unit]:
    """Return the last units that have at most so many words together."""
    start = len(piece)
    while start > 1 and (most := most - piece[start - 1].words) >= 0:
        start -= 1
    return piece[start:]


def _joined(piece: list[_Unit]) -> str:
    return "".join(f"{chr(10) if unit.opens else ' '}{unit.text}" for unit in piece).strip()
