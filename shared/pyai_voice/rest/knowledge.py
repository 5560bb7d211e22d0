"""The organisation's knowledge bases: made, filled and deleted; Cue finds passages in them.

Source: protocol of PyAI, "Cue" (scope ``kb:manage``).
"""

from __future__ import annotations

from pydantic import Field, OnErrorOmit

from .pages import Pages
from .record import Record
from .resource import Resource

__all__ = ["FoundPassage", "KnowledgeBase", "KnowledgeDocument", "KnowledgeRequests"]


class KnowledgeDocument(Record):
    """One document of a knowledge base."""

    id: str
    name: str = ""
    status: str = ""
    """``pending``, ``indexed`` (it can be found) or ``failed``; an open set."""
    reason: str = ""
    """Why it failed."""
    chunks: int = Field(default=0, validation_alias="chunk_count")
    """In how many pieces it can be found."""


class KnowledgeBase(Record):
    """One knowledge base."""

    id: str
    name: str = ""
    documents: tuple[OnErrorOmit[KnowledgeDocument], ...] = ()
    """Its documents; empty in a list of knowledge bases."""


class FoundPassage(Record):
    """A passage that a search found."""

    content: str
    score: float = 0.0
    """How well it fits, 0 to 1."""
    document_id: str = ""
    """Whose it is."""


class _Found(Record):
    data: tuple[OnErrorOmit[FoundPassage], ...] = ()


class KnowledgeRequests(Resource):
    """The organisation's knowledge bases."""

    feature = "knowledge"

    def list(self) -> Pages[KnowledgeBase]:
        """List them, without their documents."""
        return self._list(KnowledgeBase, "/knowledgebases")

    async def get(self, base: str) -> KnowledgeBase:
        """Return one with its documents. Raises RequestError (404) if there is none with this id."""
        return await self._read(KnowledgeBase, "/knowledgebases/{base}", base=base)

    async def create(self, name: str) -> KnowledgeBase:
        """Make an empty one."""
        return await self._send(KnowledgeBase, "POST", "/knowledgebases", {"name": name})

    async def add(self, base: str, name: str, content: str, media_type: str = "text/plain") -> KnowledgeDocument:
        """Add a document as text (``text/plain``, ``text/markdown`` or ``text/html``); it is indexed afterwards."""
        body = {"name": name, "text": content, "media_type": media_type}
        return await self._send(KnowledgeDocument, "POST", "/knowledgebases/{base}/documents", body, base=base)

    async def search(self, base: str, query: str, *, limit: int = 3) -> tuple[FoundPassage, ...]:
        """Return the passages that fit best, best first. The local server's; PyAI documents no search over REST."""
        body = {"query": query, "limit": limit}
        return (await self._send(_Found, "POST", "/knowledgebases/{base}/search", body, base=base)).data

    async def delete(self, base: str) -> None:
        """Delete one with all its documents."""
        await self._delete("/knowledgebases/{base}", base=base)
