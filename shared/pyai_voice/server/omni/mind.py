"""What the agent thinks: the brain with the history, the agent's instructions, its tools and passages.

Above: the conversation. Below: a brain and a source of passages. What is thought comes sentence by sentence; tools are
asked for only once the turn has really begun.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Protocol

from ...errors import PyAIError
from ...events import Passage
from ...omni_options import OmniOptions
from ..brain import Brain, Message, Prompt, ToolRequest
from .facts import Fact, KnowledgeQueried, Trouble
from .history import History, ToolEntry
from .sentences import SentenceCutter
from .turn import Turn

__all__ = ["APOLOGY", "Mind", "PassageSource"]

_log = logging.getLogger(__name__)

APOLOGY = "I'm sorry, something went wrong on my side. Could you say that again?"
"""Said when the brain fails before it said anything."""
_MOST_ROUNDS = 5
"""Times that the brain may think about results of tools before it has to answer without any."""


class PassageSource(Protocol):
    """Where passages come from."""

    async def find(self, agent: OmniOptions, query: str) -> tuple[tuple[Passage, ...], KnowledgeQueried] | None:
        """Return the passages for the caller's words, in 0.3 s; None where there is nothing to ask."""
        ...


class Mind:
    """Thinks for one conversation."""

    def __init__(
        self, brain: Brain, agent: OmniOptions, source: PassageSource | None, ask: Callable[[Turn, ToolRequest], None]
    ) -> None:
        """``ask`` is told of each tool that the brain wants."""
        self.agent = agent
        self.history = History()
        self._brain = brain
        self._source = source
        self._ask = ask
        self._tools = 0

    async def think(
        self, turn: Turn, said: str = "", instructions: str = "", *, tools: bool = True
    ) -> AsyncGenerator[str | Fact]:
        """Yield the answer to the history and to what was ``said`` after it, sentence by sentence."""
        messages = (*self.history.messages(), *([Message("user", said)] if said else []))
        passages: tuple[Passage, ...] = ()
        if (asked := _question(messages)) and (found := await self._passages(asked)) is not None:
            passages, fact = found
            yield fact
        prompt = self._prompt(messages, passages, instructions, tools and turn.round <= _MOST_ROUNDS)
        async with aclosing(self._sentences(prompt, turn)) as sentences:
            async for sentence in sentences:
                yield sentence

    async def _sentences(self, prompt: Prompt, turn: Turn) -> AsyncGenerator[str | Fact]:
        cutter, before = SentenceCutter(), turn.entry.text
        try:
            async with aclosing(self._brain.think(prompt)) as thoughts:
                async for thought in thoughts:
                    asked = isinstance(thought, ToolRequest)
                    for sentence in cutter.flush() if asked else cutter.feed(thought):
                        turn.entry.text += sentence
                        yield sentence
                    if asked and turn.round <= _MOST_ROUNDS:
                        await turn.released.wait()
                        self._want(turn, thought)
            for sentence in cutter.flush():
                turn.entry.text += sentence
                yield sentence
        except PyAIError as error:
            _log.warning("the brain failed: %s", error)
            yield Trouble(error.code or "upstream_error", error.message)
            if turn.entry.text == before and not turn.tools:
                turn.entry.text += APOLOGY
                yield APOLOGY

    def _want(self, turn: Turn, request: ToolRequest) -> None:
        turn.begin()
        turn.tools += 1
        self._tools += 1
        request = replace(request, call_id=f"tc_{self._tools}")
        turn.entry.tools.append(ToolEntry(request))
        self._ask(turn, request)

    async def _passages(self, query: str) -> tuple[tuple[Passage, ...], KnowledgeQueried] | None:
        return await self._source.find(self.agent, query) if self._source else None

    def _prompt(
        self, messages: tuple[Message, ...], passages: tuple[Passage, ...], instructions: str, tools: bool
    ) -> Prompt:
        agent = self.agent
        return Prompt(
            persona=instructions or agent.persona or "",
            messages=messages,
            tools=agent.tools if tools else (),
            passages=passages,
            language=agent.language or "en",
            temperature=agent.temperature,
            seed=agent.seed,
            extra=agent.extra,
        )


def _question(messages: tuple[Message, ...]) -> str:
    """Return what the caller has just said; empty where the last word was not the caller's."""
    return messages[-1].text if messages and messages[-1].role == "user" else ""
