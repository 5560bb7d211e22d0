"""The organisation's knowledge bases: made, filled and deleted; Cue finds passages in them.

Source: protocol of PyAI, "Cue" (scope ``kb:manage``). Unknown fields are ignored, absent ones are empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..http import HttpClient
from .fields import as_object, as_objects, count, objects_in, segment, text

__all__ = ["KnowledgeBase", "KnowledgeDocument", "KnowledgeRequests"]

_PATH = "/knowledgebases"


@dataclass(frozen=True, slots=True)
class KnowledgeDocument:
    """One document of a knowledge base."""

    id: str
    name: str
    status: str
    """``pending``, ``indexed`` (it can be found) or ``failed``; an open set."""
    reason: str = ""
    """Why it failed."""
    chunks: int = 0
    """In how many pieces it can be found."""


@dataclass(frozen=True, slots=True)
class KnowledgeBase:
    """One knowledge base."""

    id: str
    name: str
    documents: tuple[KnowledgeDocument, ...] = ()
    """Its documents; empty in a list of knowledge bases."""


class KnowledgeRequests:
    """Reads and writes the knowledge bases of one endpoint; writes are never repeated."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    async def list(self) -> list[KnowledgeBase]:
        """Return all knowledge bases, without their documents."""
        answer = await self._http.get(_PATH)
        return [_base(item) for item in as_objects(answer.json(), answer)]

    async def get(self, base: str) -> KnowledgeBase:
        """Return one with its documents. Raises RequestError (404) if there is none with this id."""
        answer = await self._http.get(_of(base))
        return _base(as_object(answer.json(), answer))

    async def create(self, name: str) -> KnowledgeBase:
        """Make an empty one."""
        answer = await self._http.send("POST", _PATH, {"name": name})
        return _base(as_object(answer.json(), answer))

    async def add(self, base: str, name: str, content: str, media_type: str = "text/plain") -> KnowledgeDocument:
        """Add a document as text (``text/plain``, ``text/markdown`` or ``text/html``); it is indexed afterwards."""
        body = {"name": name, "text": content, "media_type": media_type}
        answer = await self._http.send("POST", f"{_of(base)}/documents", body)
        return _document(as_object(answer.json(), answer))

    async def delete(self, base: str) -> None:
        """Delete one with all its documents."""
        await self._http.send("DELETE", _of(base))


def _of(base: str) -> str:
    return f"{_PATH}/{segment('knowledge base', base)}"


def _base(fields: dict[str, Any]) -> KnowledgeBase:
    documents = tuple(map(_document, objects_in(fields, "documents")))
    return KnowledgeBase(text(fields, "id"), text(fields, "name"), documents)


def _document(fields: dict[str, Any]) -> KnowledgeDocument:
    names = ("id", "name", "status", "reason")
    return KnowledgeDocument(**{name: text(fields, name) for name in names}, chunks=count(fields, "chunk_count"))
