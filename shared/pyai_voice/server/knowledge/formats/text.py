"""Plain text: bytes to characters, and characters to paragraphs."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable

from ....errors import service_error
from .. import Block

__all__ = ["decode", "paragraph", "text_blocks", "without_empty"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""UTF-32's mark begins with UTF-16's, so it comes first."""
_BINARY = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")


def decode(data: bytes, charset: str = "") -> str:
    """Return the characters of a text: by its byte order mark, the declared charset, UTF-8, or Windows-1252.

    Raises RequestError ``unreadable_document`` for what is no text.
    """
    by_mark = (encoding for mark, encoding in _MARKS if data.startswith(mark))
    for encoding in [*by_mark, charset, "utf-8", "cp1252"]:
        text = _attempt(data, encoding)
        if text is not None and not _BINARY.search(text):
            return text.replace("\r\n", "\n").replace("\r", "\n")
    raise service_error("The document is neither text, Markdown, HTML nor PDF", code="unreadable_document", status=400)


def _attempt(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding) if encoding else None
    except (LookupError, UnicodeError, ValueError):  # no such charset, or not in it
        return None


def paragraph(text: str) -> Block:
    """Return a block of text with single white space."""
    return Block(" ".join(text.split()))


def without_empty(blocks: Iterable[Block]) -> list[Block]:
    """Return the blocks that have text."""
    return [block for block in blocks if block.text]


def text_blocks(text: str) -> list[Block]:
    """Return the paragraphs of a plain text: what stands between blank lines."""
    return without_empty(paragraph(each) for each in _BLANK_LINE.split(text))
