"""Passages for what is being said, looked up while it is being said, so that the final transcript need not wait.

Above: the Hear session. Below: the knowledge bases. With every partial the search begins anew; when the utterance ends
with the words of the last partial, its passages are mostly there already.
"""

from __future__ import annotations

import asyncio
import logging

from ..errors import PyAIError
from ..events import Passage
from .knowledge.facade import FITS, Knowledge
from .knowledge.words import plain

__all__ = ["Grounder"]

_log = logging.getLogger(__name__)


class Grounder:
    """Looks up passages for one stream, for the organisation of its key."""

    def __init__(self, knowledge: Knowledge, organisation: str) -> None:
        self._knowledge = knowledge
        self._organisation = organisation
        self._words = ""
        self._task: asyncio.Task[tuple[Passage, ...]] | None = None

    def look(self, text: str) -> None:
        """Begin to look for what was said so far; the search for fewer words is given up."""
        self._begin(text)

    async def passages(self, text: str) -> tuple[Passage, ...]:
        """Return up to three passages for an utterance; none when nothing fits, in time, or the store is in trouble."""
        passages = await self._begin(text)
        self._words, self._task = "", None
        return passages

    async def aclose(self) -> None:
        """Give up what is being looked for."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _begin(self, text: str) -> asyncio.Task[tuple[Passage, ...]]:
        words = plain(text)
        if self._task is None or words != self._words:
            if self._task is not None:
                self._task.cancel()
            self._words, self._task = words, asyncio.create_task(self._search(words))
        return self._task

    async def _search(self, words: str) -> tuple[Passage, ...]:
        try:
            hits = await self._knowledge.search(self._organisation, words, least=FITS)
        except PyAIError as error:
            _log.warning("an utterance goes without passages: %s", error)
            return ()
        return tuple(Passage(hit.content, hit.score) for hit in hits)
