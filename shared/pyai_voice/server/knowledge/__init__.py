"""Knowledge bases: documents in, passages out. This file is the vocabulary; its siblings do the work.

Above: the routes, the Hear stream and the command line, through :class:`~.facade.Knowledge`. ``documents`` reads a
file, ``chunks`` cuts it, ``embedding`` gives it vectors, ``sqlite`` or ``postgres`` keeps it, ``indexing`` drives
these, and ``fusion`` puts two rankings into one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Block",
    "Chunk",
    "Document",
    "Hit",
    "KnowledgeBase",
    "KnowledgeStore",
    "Query",
    "Status",
    "StoredDocument",
    "Vectors",
    "Weights",
]

Vectors = NDArray[np.float32]
"""One row a text (or one row alone), each of length 1."""

Status = Literal["pending", "indexed", "failed"]
"""Of a document: kept but not yet found by a search; found; never to be found, for the stated reason."""


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph, list item, table row or heading of a document."""

    text: str
    """Never empty, white space made single."""
    level: int = 0
    """1 to 6 for a heading, 0 for everything else."""


@dataclass(frozen=True, slots=True)
class Document:
    """What was read from a file."""

    title: str
    """Its own title, else its name."""
    blocks: tuple[Block, ...]
    """In reading order; at least one."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document that is found and shown as one."""

    text: str
    """Whole sentences, where they are not overlong; never empty."""
    heading: str
    """The titles above it, outermost first, joined by " > "; may be empty."""
    position: int
    """0, 1, 2 ... in reading order."""

    @property
    def content(self) -> str:
        """What is indexed and shown: heading and text."""
        return f"{self.heading}\n{self.text}" if self.heading else self.text


@dataclass(frozen=True, slots=True)
class KnowledgeBase:
    """A set of documents of one organisation."""

    id: str
    """``kb_...``"""
    name: str
    created_at: int
    """Unix milliseconds."""
    documents: int
    """How many it has, in any status."""
    chunks: int
    """How many can be found."""


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document that was acknowledged: it survives the end of the process."""

    id: str
    """``doc_...``"""
    knowledge_base: str
    """Id of its knowledge base."""
    name: str
    """The file's name, or what the caller named it."""
    media_type: str
    size: int
    """Bytes as they came."""
    status: Status
    reason: str
    """Why it failed; else empty."""
    chunks: int
    """How many pieces can be found; 0 until it is indexed."""
    created_at: int
    """Unix milliseconds."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found."""

    content: str
    """Heading and text."""
    score: float
    """How well it fits, 0 to 1; for a least score, 0.15 is a good start."""
    document: str
    """Id of its document."""
    knowledge_base: str
    """Id of its knowledge base."""
    name: str
    """Name of its document."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each ranking counts; 0 leaves it out."""

    words: float = 1.0
    """BM25."""
    meaning: float = 0.9
    """Nearness of the embeddings."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question as a store wants it."""

    text: str
    vector: Vectors
    """One row."""
    weights: Weights = Weights()


class KnowledgeStore(Protocol):
    """Keeps knowledge bases, organisation by organisation.

    What a method has returned is on the disk. Raises RequestError ``not_found`` for an id that this organisation does
    not have, and ServerError ``store_locked`` (503), ``store_full`` (507), ``store_corrupt`` (500) or
    ``store_unavailable`` (503); then nothing was changed.
    """

    async def create_base(self, organisation: str, name: str) -> KnowledgeBase:
        """Make an empty knowledge base."""
        ...

    async def bases(self, organisation: str) -> list[KnowledgeBase]:
        """Return all knowledge bases of an organisation, oldest first."""
        ...

    async def base(self, organisation: str, base: str) -> KnowledgeBase:
        """Return one of them."""
        ...

    async def delete_base(self, organisation: str, base: str) -> None:
        """Delete one with all its documents."""
        ...

    async def add_document(
        self, organisation: str, base: str, name: str, media_type: str, data: bytes
    ) -> StoredDocument:
        """Keep a document as ``pending``."""
        ...

    async def documents(self, organisation: str, base: str) -> list[StoredDocument]:
        """Return the documents of a knowledge base, oldest first."""
        ...

    async def document(self, organisation: str, base: str, document: str) -> StoredDocument:
        """Return one of them."""
        ...

    async def delete_document(self, organisation: str, base: str, document: str) -> None:
        """Delete one; no search finds it any more."""
        ...

    async def search(self, organisation: str, bases: Sequence[str] | None, query: Query, limit: int) -> list[Hit]:
        """Return the passages that fit best, best first, from these knowledge bases (None: all)."""
        ...

    async def pending(self) -> list[str]:
        """Return the ids of the pending documents of every organisation, oldest first."""
        ...

    async def read(self, document: str) -> tuple[StoredDocument, bytes] | None:
        """Return a pending document with its bytes; None if it is not pending any more."""
        ...

    async def index(self, document: str, chunks: Sequence[Chunk], vectors: Vectors) -> bool:
        """Make all chunks of a pending document findable at once; False if it is gone."""
        ...

    async def fail(self, document: str, reason: str) -> bool:
        """Say that a pending document cannot be indexed; False if it is gone."""
        ...

    async def aclose(self) -> None:
        """Close; safe to call twice."""
        ...
