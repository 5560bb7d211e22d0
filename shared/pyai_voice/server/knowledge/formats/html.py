"""HTML, by selectolax: what a reader of the page sees, without scripts, styles and navigation.

The tree is walked step by step, not by recursion: a page may nest a hundred thousand elements.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from .. import Block
from .tables import Table
from .text import without_empty

__all__ = ["html_blocks"]

_UNSEEN = ["script", "style", "nav", "template", "noscript", "head", "svg", "iframe", "object", "select", "button"]
_INLINE = frozenset(
    """
    a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark meter output progress q rp rt ruby
    s samp small span strike strong sub sup time tt u var wbr
    """.split()
)
"""Elements that do not end a paragraph; every other one does."""
_HEADING = re.compile(r"h[1-6]")


def html_blocks(text: str) -> list[Block]:
    """Return headings, paragraphs, list items, and table rows with their heads.

    The page's title comes first where the page has no h1.
    """
    page = LexborHTMLParser(text)
    title = page.css_first("title")
    above = [Block(" ".join(title.text().split()), 1)] if title is not None and page.css_first("h1") is None else []
    page.strip_tags(_UNSEEN, recursive=True)
    return without_empty([*above, *(_Page().blocks(page.body) if page.body is not None else ())])


def _walk(top: LexborNode) -> Iterator[tuple[LexborNode, bool]]:
    """Yield every node in reading order, when it begins (True) and when it ends (False)."""
    stack = [(top, True)]
    while stack:
        node, begins = stack.pop()
        yield node, begins
        if begins:
            stack.append((node, False))
            stack.extend((child, True) for child in reversed(list(node.iter(include_text=True))))


class _Page:
    """Gathers text until something ends it: a block, a heading, or a cell."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._tables: list[Table] = []
        self._cells = 0

    def blocks(self, body: LexborNode) -> Iterator[Block]:
        for node, begins in _walk(body):
            if node.is_text_node:
                self._text.append(node.text_content or "" if begins else "")
            elif node.is_element_node and node.tag not in _INLINE:
                yield from self._begin(node.tag or "") if begins else self._end(node.tag or "")
        yield self._take()

    def _begin(self, tag: str) -> Iterator[Block]:
        if tag == "table":
            yield self._take()
            if self._tables:  # a table in a table is layout: what stands before it comes before it
                yield from self._tables[-1].row()
            self._tables.append(Table())
        elif tag in ("td", "th"):
            yield self._take()
            self._cells += 1
        elif _HEADING.fullmatch(tag):
            yield self._take()
        else:
            yield from self._border()

    def _end(self, tag: str) -> Iterator[Block]:
        if tag == "table":
            yield self._take()
            yield from self._tables.pop().end()
        elif tag in ("td", "th"):
            self._cells -= 1
            self._tables[-1].cell(self._take().text, head=tag == "th")
        elif tag == "tr":
            yield from self._tables[-1].row()
        elif _HEADING.fullmatch(tag):
            yield self._take(int(tag[1]))
        else:
            yield from self._border()

    def _border(self) -> Iterator[Block]:
        """End a paragraph; in a cell it is only a space."""
        if self._cells:
            self._text.append(" ")
        else:
            yield self._take()

    def _take(self, level: int = 0) -> Block:
        text, self._text = "".join(self._text), []
        return Block(" ".join(text.split()), level)
