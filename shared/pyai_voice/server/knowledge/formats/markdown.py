"""Markdown: CommonMark with tables, by markdown-it-py."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from .. import Block
from .html import html_blocks
from .tables import Table
from .text import text_blocks, without_empty

__all__ = ["markdown_blocks"]

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?:[^\n]*\n){0,200}?(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
_parser = MarkdownIt("commonmark").enable("table")


def markdown_blocks(text: str) -> list[Block]:
    """Return headings, paragraphs, list items, code, and table rows with their heads; metadata on top is left out."""
    return without_empty(_walk(_parser.parse(_FRONT_MATTER.sub("", text, count=1))))


def _walk(tokens: Sequence[Token]) -> Iterator[Block]:
    table = Table()
    opening = Token("", "", 0)
    for token in tokens:
        if token.type != "inline":
            yield from _whole(token, table)
        elif opening.type in ("th_open", "td_open"):
            table.cell(_words(token), head=opening.type == "th_open")
        else:
            yield Block(_words(token), int(opening.tag[1]) if opening.type == "heading_open" else 0)
        opening = token


def _whole(token: Token, table: Table) -> Iterator[Block]:
    match token.type:
        case "tr_close":
            yield from table.row()
        case "table_close":
            yield from table.end()
        case "fence" | "code_block":
            yield from text_blocks(token.content)
        case "html_block":
            yield from html_blocks(token.content)
        case _:
            pass


def _words(token: Token) -> str:
    return " ".join("".join(_piece(child) for child in token.children or ()).split())


def _piece(child: Token) -> str:
    if child.type in ("softbreak", "hardbreak"):
        return " "
    return "" if child.type == "html_inline" else child.content
