"""Reads a file into titles and paragraphs: plain text, Markdown, HTML or PDF.

A file may be anybody's. Whatever its bytes are, what comes out is a :class:`~.Document` or one of three refusals.
Nothing here bounds the time that a library takes: :mod:`.reader` does, in a process of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePath

from ...errors import service_error
from . import Block, Document
from .formats.html import html_blocks
from .formats.markdown import markdown_blocks
from .formats.text import decode, text_blocks

__all__ = ["MOST_BYTES", "MOST_CHARACTERS", "SUFFIXES", "read_document"]

MOST_BYTES = 20 << 20
"""Of a file."""
MOST_CHARACTERS = 10_000_000
"""Of the text in it: about 12,000 chunks."""

SUFFIXES = {
    ".txt": "text",
    ".text": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
}
"""What a name says about its file."""

_MEDIA_TYPES = {
    "text/markdown": "markdown",
    "text/x-markdown": "markdown",
    "text/html": "html",
    "application/xhtml+xml": "html",
}
_TEXT_FORMATS: dict[str, Callable[[str], list[Block]]] = {
    "text": text_blocks,
    "markdown": markdown_blocks,
    "html": html_blocks,
}
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_LOOKS_LIKE_HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_LOOKED_AT = 1024


def read_document(data: bytes, media_type: str = "", name: str = "") -> Document:
    """Read a document; what it is, its media type says, else its name, else its first bytes (PDF: always these).

    Raises RequestError: ``document_too_large``, ``empty_document``, or ``unreadable_document`` with the reason.
    """
    if len(data) > MOST_BYTES:
        raise _too_large(f"{len(data) >> 20} MB; at most {MOST_BYTES >> 20} MB are taken")
    blocks = _read(data, media_type, name)
    if not any(char.isalnum() for block in blocks for char in block.text):
        raise service_error("The document has no text in it", code="empty_document", status=400)
    if sum(len(block.text) for block in blocks) > MOST_CHARACTERS:
        raise _too_large(f"more than {MOST_CHARACTERS:,} characters of text")
    return Document(_title(blocks, name), tuple(blocks))


def _read(data: bytes, media_type: str, name: str) -> list[Block]:
    kind = _kind(data, media_type.partition(";")[0].strip().lower(), name)
    if kind == "pdf":
        from .formats.pdf import pdf_blocks  # half a second, only for those who have one

        return pdf_blocks(data, MOST_CHARACTERS)
    charset = _CHARSET.search(media_type)
    return _TEXT_FORMATS[kind](decode(data, charset[1] if charset else ""))


def _kind(data: bytes, media_type: str, name: str) -> str:
    if b"%PDF-" in data[:_LOOKED_AT] or media_type == "application/pdf":
        return "pdf"
    by_name = SUFFIXES.get(PurePath(name).suffix.lower(), "")
    if media_type in _MEDIA_TYPES:
        return _MEDIA_TYPES[media_type]
    if by_name:
        return by_name
    return "html" if _LOOKS_LIKE_HTML.match(data[:_LOOKED_AT]) else "text"


def _title(blocks: list[Block], name: str) -> str:
    return next((block.text for block in blocks if block.level == 1), "") or PurePath(name).stem


def _too_large(what: str) -> Exception:
    return service_error(f"The document is too large: {what}", code="document_too_large", status=413)
