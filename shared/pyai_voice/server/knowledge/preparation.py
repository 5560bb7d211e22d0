"""From the bytes of a file to chunks with vectors; and the same asked of another process, message by message.

A message is two lengths of four bytes, a JSON object, and bytes. To the process: ``{"name", "media_type"}`` and the
file. From it: any number of ``{"done", "total"}``, then ``{"chunks": [[heading, text], ...]}`` and the vectors, or
``{"code", "message", "status"}``.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import Chunk, Vectors
from .chunks import split
from .documents import read_document
from .embedding import DIMENSION, Embedder

__all__ = ["LENGTHS", "Prepared", "pack", "prepare", "unpack"]

LENGTHS = struct.Struct("<II")
"""Of the object and of the bytes, before each message."""
_BATCH = 64


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that can be indexed."""

    chunks: list[Chunk]
    vectors: Vectors
    """One row a chunk."""

    def to_message(self) -> bytes:
        """Return the last answer of the process."""
        rows = [[chunk.heading, chunk.text] for chunk in self.chunks]
        return pack({"chunks": rows}, self.vectors.astype("<f4").tobytes())

    @classmethod
    def from_message(cls, fields: dict[str, Any], body: bytes) -> Prepared:
        """Read the last answer of the process. Raises ValueError if that is not what it is."""
        chunks = [Chunk(text, heading, position) for position, (heading, text) in enumerate(fields["chunks"])]
        return cls(chunks, np.frombuffer(body, "<f4").reshape(len(chunks), DIMENSION))


def prepare(
    data: bytes, media_type: str, name: str, embedder: Embedder, progress: Callable[[int, int], None]
) -> Prepared:
    """Read, cut and embed one document; ``progress`` is told how many chunks of how many are done.

    Raises RequestError ``unreadable_document``, ``empty_document`` or ``document_too_large``.
    """
    chunks = split(read_document(data, media_type, name))
    rows: list[Vectors] = []
    for start in range(0, len(chunks), _BATCH):
        rows.append(embedder.embed([chunk.content for chunk in chunks[start : start + _BATCH]]))
        progress(min(start + _BATCH, len(chunks)), len(chunks))
    return Prepared(chunks, np.concatenate([embedder.embed([]), *rows]))


def pack(fields: dict[str, Any], body: bytes = b"") -> bytes:
    """Return a message."""
    head = json.dumps(fields).encode()
    return LENGTHS.pack(len(head), len(body)) + head + body


def unpack(head: bytes) -> dict[str, Any]:
    """Read the object of a message."""
    return json.loads(head)
