"""Knowledge bases as everybody else sees them: one object that keeps, indexes and finds.

Above: the routes, the Hear stream, the command line. Below: a store, the indexer, the embeddings.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from ...errors import ServiceError, service_error
from . import Hit, KnowledgeBase, KnowledgeStore, Query, StoredDocument, Weights
from .documents import MOST_BYTES
from .embedding import Embedder, load_embedder
from .indexing import Indexer, Progress
from .opening import open_store
from .reader import Reader

__all__ = ["BUDGET", "FITS", "Knowledge", "Progress"]

Result = TypeVar("Result")

BUDGET = 0.3
"""Seconds after which a search has found nothing."""
FITS = 0.15
"""Score from which a passage may be about the question; nearly all that answer one have it."""

_MOST_AT_ONCE = 64
"""Searches; more than that is a store that hangs."""
_WEIGHTS = Weights()
_LONGEST_NAME = 255
_LONGEST_QUERY = 2000


class Knowledge:
    """The knowledge bases of every organisation. Belongs to one event loop.

    ::

        knowledge = await Knowledge.open(Path("data"))
        base = await knowledge.create("org_local", "Help centre")
        await knowledge.add("org_local", base.id, "prices.md", data, "text/markdown")
        hits = await knowledge.search("org_local", "what does a cleaning cost")
        await knowledge.aclose()

    Its methods raise what :class:`~pyai_voice.server.knowledge.KnowledgeStore` raises.
    """

    def __init__(
        self,
        store: KnowledgeStore,
        *,
        progress: Callable[[Progress], None] = lambda _: None,
        reader: Reader | None = None,
    ) -> None:
        self._store = store
        self._indexer = Indexer(store, reader or Reader(), progress)
        self._running = set[asyncio.Task[Any]]()
        self._loading = asyncio.create_task(asyncio.to_thread(load_embedder))
        self._indexing = asyncio.create_task(self._indexer.run())

    @classmethod
    async def open(
        cls, where: str | Path | None = None, *, progress: Callable[[Progress], None] = lambda _: None
    ) -> Self:
        """Open a store (see :func:`~.opening.open_store`) and go on indexing what is pending there.

        ``progress`` is told, in the event loop, how far each document is.
        """
        return cls(await open_store(where), progress=progress)

    async def aclose(self) -> None:
        """Stop indexing (what is pending stays so) and close the store; safe to call twice."""
        for task in (self._indexing, *self._running):
            task.cancel()
        await asyncio.gather(self._indexing, self._loading, *self._running, return_exceptions=True)
        await self._store.aclose()

    async def create(self, organisation: str, name: str) -> KnowledgeBase:
        """Make an empty knowledge base. Raises RequestError ``invalid_request`` for a wrong name."""
        return await self._store.create_base(organisation, _checked_name(name))

    async def list(self, organisation: str) -> list[KnowledgeBase]:
        """Return an organisation's knowledge bases, oldest first."""
        return await self._store.bases(organisation)

    async def get(self, organisation: str, kb: str) -> KnowledgeBase:
        """Return one knowledge base."""
        return await self._store.base(organisation, kb)

    async def delete(self, organisation: str, kb: str) -> None:
        """Delete a knowledge base with all its documents."""
        await self._store.delete_base(organisation, kb)

    async def add(self, organisation: str, kb: str, name: str, data: bytes, media_type: str) -> StoredDocument:
        """Keep a document, to be indexed; when this returns, it will not be lost.

        Raises RequestError ``document_too_large`` (413), ``empty_document`` or ``invalid_request``.
        """
        if len(data) > MOST_BYTES:
            raise service_error(f"A document has at most {MOST_BYTES} bytes", code="document_too_large", status=413)
        if not data.strip():
            raise service_error("The document is empty", code="empty_document", status=400)
        stored = await self._store.add_document(organisation, kb, _checked_name(name), media_type, data)
        self._indexer.wake()
        return stored

    async def documents(self, organisation: str, kb: str) -> Sequence[StoredDocument]:
        """Return a knowledge base's documents, oldest first."""
        return await self._store.documents(organisation, kb)

    async def status(self, organisation: str, kb: str, document: str) -> StoredDocument:
        """Return one document as it is now."""
        return await self._store.document(organisation, kb, document)

    async def remove(self, organisation: str, kb: str, document: str) -> None:
        """Delete a document; no search finds it any more."""
        await self._store.delete_document(organisation, kb, document)

    async def settled(self) -> None:
        """Return when nothing is pending any more."""
        await self._indexer.settle()

    async def bound(self, organisation: str, budget: float = BUDGET) -> bool:
        """Tell whether an organisation has a knowledge base; True where the store does not say within ``budget``."""
        try:
            return bool(await self._within(budget, self._store.bases(organisation)))
        except (TimeoutError, ServiceError):
            return True

    async def search(
        self,
        organisation: str,
        query: str,
        kb: str | Sequence[str] | None = None,
        limit: int = 3,
        budget: float | None = BUDGET,
        *,
        least: float = 0.0,
        weights: Weights = _WEIGHTS,
    ) -> list[Hit]:
        """Return the passages that fit a question best, best first, from one, several or all (None) knowledge bases.

        Those with a score below ``least`` are left out. Empty when ``budget`` seconds were not enough,
        or while too many others are waiting.
        """
        try:
            hits = await self._within(budget, self._search(organisation, query, kb, limit, weights))
        except TimeoutError:
            return []
        return [hit for hit in hits if hit.score >= least]

    async def _within(self, budget: float | None, work: Coroutine[Any, Any, Result]) -> Result:
        """Return what the work returns. Raises TimeoutError after ``budget`` seconds, even if it cannot be stopped."""
        if len(self._running) >= _MOST_AT_ONCE:
            work.close()
            raise TimeoutError
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._forget)
        try:
            done, _ = await asyncio.wait({task}, timeout=budget)
        finally:
            task.cancel()
        if not done:
            raise TimeoutError
        return task.result()

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # so that asyncio does not complain of one that came too late

    async def _search(
        self, organisation: str, query: str, kb: str | Sequence[str] | None, limit: int, weights: Weights
    ) -> list[Hit]:
        query = query[:_LONGEST_QUERY].encode("utf-8", "replace").decode()  # JSON may hold half a character
        if not query.strip():
            return []
        embedder: Embedder = await asyncio.shield(self._loading)
        (vector,) = embedder.embed([query])
        bases = [kb] if isinstance(kb, str) else kb
        return await self._store.search(organisation, bases, Query(query, vector, weights), limit)


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise service_error(f"name: expected 1 to {_LONGEST_NAME} printable characters", code="invalid_request")
    return name
