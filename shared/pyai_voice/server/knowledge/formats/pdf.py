"""PDF, by pypdf: the lines of each page; large letters are headings, a short line ends a paragraph.

A PDF knows neither words nor paragraphs, only letters at places: both rules are guesses that hold for most documents.
"""

from __future__ import annotations

import logging
import re
import struct
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from math import hypot
from typing import Any

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from ....errors import ServiceError, service_error
from .. import Block
from .text import paragraph, without_empty

__all__ = ["pdf_blocks"]

_MOST_PAGES = 5000
_BROKEN = (
    PyPdfError, ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, OSError, RuntimeError,
    TypeError, ValueError, struct.error, zlib.error,
)  # fmt: skip
"""What pypdf raises for damaged files: it takes their objects to be of the right kind."""
_LARGER = 1.15
"""How much larger than the text a heading is."""
_LONGEST_HEADING = 150
_SHORT = 0.75
"""Part of the usual width below which a line ends its paragraph."""
_HYPHEN = re.compile(r"(?<=[a-z])[-\u00ad]\n(?=[a-z])")
_log = logging.getLogger("pypdf")


def pdf_blocks(data: bytes, most_characters: int) -> list[Block]:
    """Return headings and paragraphs. Reading stops when there is more text than ``most_characters``.

    Raises RequestError ``unreadable_document`` or ``empty_document`` and says what is the matter.
    """
    _log.setLevel(logging.CRITICAL)  # it quotes what it cannot read; the one line that we say is the refusal
    try:
        lines = _lines(_open(data), most_characters)
    except ServiceError:
        raise
    except _BROKEN as error:
        reason = type(error).__name__
    else:
        return _blocks(lines)
    raise _unreadable(f"it is damaged ({reason}); save it again from the program that made it")


def _unreadable(reason: str) -> ServiceError:
    return service_error(f"The PDF cannot be read: {reason}", code="unreadable_document", status=400)


def _open(data: bytes) -> PdfReader:
    reader = PdfReader(BytesIO(data))
    if reader.is_encrypted and not _unlocked(reader):
        raise _unreadable("it is encrypted; save it without a password")
    if len(reader.pages) > _MOST_PAGES:
        raise service_error(
            f"The document is too large: more than {_MOST_PAGES} pages", code="document_too_large", status=413
        )
    return reader


def _unlocked(reader: PdfReader) -> bool:
    """Tell whether the empty password opens it, as it does where only printing is forbidden."""
    try:
        return bool(reader.decrypt(""))
    except PyPdfError:  # a cipher that is not installed
        return False


@dataclass(slots=True)
class _Line:
    text: str = ""
    size: float = 0.0
    """Of its largest letters, in points."""


@dataclass(slots=True)
class _Lines:
    """Takes the pieces of text that pypdf finds on a page."""

    lines: list[_Line] = field(default_factory=lambda: [_Line()])

    def visit(self, text: str, cm: Sequence[float], tm: Sequence[float], font: Any, size: float) -> None:
        height = abs(size) * hypot(tm[2], tm[3]) * hypot(cm[2], cm[3])
        for index, piece in enumerate(text.split("\n")):
            if index:
                self.lines.append(_Line())
            self.lines[-1].text += piece
            if piece.strip():
                self.lines[-1].size = max(self.lines[-1].size, round(height, 1))


def _lines(reader: PdfReader, most_characters: int) -> list[_Line]:
    lines: list[_Line] = []
    read = 0
    for page in reader.pages:
        found = _Lines()
        page.extract_text(visitor_text=found.visit)
        lines += [*found.lines, _Line()]
        read += sum(len(line.text) for line in found.lines)
        if read > most_characters:
            break
    if not any(line.text.strip() for line in lines):
        raise service_error(
            "The PDF has no text in it: have a scanned document's text recognised (OCR) first",
            code="empty_document",
            status=400,
        )
    return lines


def _blocks(lines: Sequence[_Line]) -> list[Block]:
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[line.size] += len(line.text)
    ((body, _),) = sizes.most_common(1)
    larger = sorted({line.size for line in lines if line.size > body * _LARGER}, reverse=True)
    return without_empty(_paragraphs(lines, {size: min(level, 6) for level, size in enumerate(larger, 1)}))


def _paragraphs(lines: Sequence[_Line], levels: dict[float, int]) -> Iterator[Block]:
    widths = sorted(len(line.text) for line in lines if line.size not in levels)
    short = _SHORT * widths[int(0.9 * len(widths))] if widths else 0
    gathered: list[str] = []
    for line, below in zip(lines, [*lines[1:], _Line()], strict=True):
        gathered.append(line.text)
        if line.size != below.size or (line.size not in levels and len(line.text) < short):
            yield from _paragraph("\n".join(gathered), levels.get(line.size, 0))
            gathered = []


def _paragraph(text: str, level: int) -> Iterator[Block]:
    block = paragraph(_HYPHEN.sub("", text))
    yield Block(block.text, level if len(block.text) <= _LONGEST_HEADING else 0)
