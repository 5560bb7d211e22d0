"""Indexes pending documents in the background, oldest first, one at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ...errors import ServiceError
from . import KnowledgeStore, StoredDocument
from .reader import Reader

__all__ = ["Indexer", "Progress"]

_log = logging.getLogger(__name__)

_AGAIN = 10.0
"""Seconds after which a store that refused is tried again, and another machine's leftovers are looked for."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the indexing of a document is."""

    document: StoredDocument
    done: int
    """Chunks."""
    total: int
    """Chunks; 0 before the document has been read."""


class Indexer:
    """Turns ``pending`` into ``indexed`` or ``failed`` for as long as :meth:`run` runs.

    A document that a refusal of the store held up stays pending and is tried again.
    """

    def __init__(self, store: KnowledgeStore, reader: Reader, progress: Callable[[Progress], None]) -> None:
        self._store = store
        self._reader = reader
        self._progress = progress
        self._work = asyncio.Event()
        self._changed = asyncio.Condition()
        self._refusal: ServiceError | None = None

    def wake(self) -> None:
        """Say that there is a new document."""
        self._work.set()

    async def settle(self) -> None:
        """Return when no document is pending. Raises ServerError when the store refuses, also what is indexed."""
        async with self._changed:
            while await self._store.pending():
                await self._changed.wait()
                if self._refusal is not None:
                    raise self._refusal

    async def run(self) -> None:
        """Index what is pending, now and whenever there is more, until cancelled."""
        try:
            while True:
                self._work.clear()
                await self._round()
                await self._rest()
        finally:
            await self._reader.aclose()

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(_AGAIN):
                await self._work.wait()
        except TimeoutError:
            await self._reader.aclose()  # nothing to do for so long: its memory back

    async def _round(self) -> None:
        try:
            for document in await self._store.pending():
                await self._index(document)
                await self._tell_of(None)
        except ServiceError as error:
            _log.warning("indexing goes on in %g s: %s", _AGAIN, error)
            await self._tell_of(error)
        except Exception:  # noqa: BLE001 - the outermost line of a round
            _log.exception("indexing failed and goes on in %g s", _AGAIN)

    async def _tell_of(self, refusal: ServiceError | None) -> None:
        async with self._changed:
            self._refusal = refusal
            self._changed.notify_all()

    async def _index(self, document: str) -> None:
        found = await self._store.read(document)
        if found is None:
            return
        stored, data = found
        self._progress(Progress(stored, 0, 0))
        try:
            tell = partial(self._tell, stored)
            prepared = await self._reader.read(data, stored.media_type, stored.name, tell)
        except ServiceError as error:
            refusal = error.message
        else:
            await self._store.index(document, prepared.chunks, prepared.vectors)
            return
        await self._store.fail(document, refusal)

    def _tell(self, document: StoredDocument, done: int, total: int) -> None:
        self._progress(Progress(document, done, total))
