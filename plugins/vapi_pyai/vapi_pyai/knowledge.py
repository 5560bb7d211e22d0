"""Custom knowledge base: the passages that Cue has found for what the caller has just said.

Where our transcriber hears the call, they came with its transcript and are here already. Else the knowledge bases that
the options name are searched over REST, where the service has that. A knowledge base on this machine is asked without
PyAI by ``pyai-voice kb serve``, which speaks the same contract.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from pyai_voice.client import Client
from pyai_voice.errors import PyAIError
from pyai_voice.events import Passage

from .calls import Calls
from .door import Asked, Reply
from .options import VapiOptions
from .refusals import Refusal
from .wire import KnowledgeRequest, parse

__all__ = ["CustomKnowledge"]

_log = logging.getLogger("vapi_pyai")


class CustomKnowledge:
    """Answers from the organisation's knowledge bases."""

    def __init__(self, client: Client, calls: Calls, options: VapiOptions) -> None:
        self._client = client
        self._calls = calls
        self._options = options

    async def __call__(self, asked: Asked, reply: Reply) -> None:
        """Answer one request. Raises Refusal."""
        request = parse(KnowledgeRequest, asked.body)
        reply.call_id = request.call_id
        if not self._options.hear.cue.grounding and not self._options.knowledge_bases:
            raise Refusal(501, "no knowledge base: switch grounding on, or name knowledge bases")
        text = request.question()
        found = await self._of_call(request.call_id, text) or await self._searched(text)
        best = sorted(dict.fromkeys(found), key=lambda passage: -passage.score)[: self._options.passages]
        reply.remark = f"{len(best)} passages"
        await reply.json({"documents": [{"content": each.content, "similarity": each.score} for each in best]})

    async def _of_call(self, identity: str, text: str) -> Sequence[Passage]:
        call = self._calls.find(identity, text)
        if call is None or not self._options.hear.cue.grounding:
            return ()
        return await call.passages(text, self._options.knowledge_budget)

    async def _searched(self, text: str) -> Sequence[Passage]:
        """Search what the options name; a caller waits, so trouble is an empty answer."""
        if not text or not self._options.knowledge_bases:
            return ()
        try:
            async with asyncio.timeout(self._options.knowledge_budget), asyncio.TaskGroup() as group:
                searches = [group.create_task(self._search(each, text)) for each in self._options.knowledge_bases]
            return [passage for each in searches for passage in each.result()]
        except TimeoutError:
            return ()

    async def _search(self, base: str, text: str) -> Sequence[Passage]:
        try:
            found = await self._client.knowledge.search(base, text, limit=self._options.passages)
            return [Passage(each.content, each.score) for each in found if each.score >= self._options.least_score]
        except PyAIError as error:
            _log.warning("knowledge: %s goes unasked: %s", base, error)
            return ()
