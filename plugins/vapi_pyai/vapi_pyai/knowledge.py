"""Custom knowledge base: the passages that Cue has found for what the caller has just said.

Where our transcriber hears the call, they came with its transcript and are here already. Else the knowledge bases that
the options name are searched over REST, where the service has that. A knowledge base on this machine is asked without
PyAI by ``pyai-voice kb serve``, which speaks the same contract.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse

from pyai_voice.client import Client
from pyai_voice.errors import PyAIError, service_error
from pyai_voice.events import Passage
from pyai_voice.server.door import Reply

from .calls import Calls
from .options import VapiOptions
from .wire import KnowledgeRequest, parse

__all__ = ["CustomKnowledge"]

_log = logging.getLogger("vapi_pyai")


class CustomKnowledge:
    """Answers from the organisation's knowledge bases."""

    def __init__(self, client: Client, calls: Calls, options: VapiOptions) -> None:
        self._client = client
        self._calls = calls
        self._options = options

    async def __call__(self, request: Request, reply: Reply) -> None:
        """Answer one request. Raises ServiceError."""
        asked = parse(KnowledgeRequest, await request.body())
        reply.remarks += asked.remarks
        if not self._options.hear.cue.grounding and not self._options.knowledge_bases:
            message = "no knowledge base: switch grounding on, or name knowledge bases"
            raise service_error(message, code="not_configured", status=501)
        text = asked.question()
        found = await self._of_call(asked.call_id, text) or await self._searched(text)
        best = sorted(dict.fromkeys(found), key=lambda passage: -passage.score)[: self._options.passages]
        reply.remarks.append(f"{len(best)} passages")
        documents = [{"content": each.content, "similarity": each.score} for each in best]
        await reply.give(JSONResponse({"documents": documents}))

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
