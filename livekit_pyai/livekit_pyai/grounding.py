"""Passages of the knowledge base for LiveKit's language models: this turn's, in a copy of the chat.

    Hear --passages--> pyai.STT --(found by the user's words)--> GroundedLLM or GroundingMixin --copy--> the model

The reply that LiveKit prepares before the turn ends is kept: nothing here touches the chat that LiveKit compares.
Where the final brings other passages, the STT has told LiveKit with another PREFLIGHT_TRANSCRIPT to begin anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Coroutine
from functools import partial
from typing import Any, Never

from livekit.agents import Agent, AgentSession, ConversationItemAddedEvent, FlushSentinel, ModelSettings, llm
from livekit.agents.llm.chat_context import MetricsMetadata

from pyai_voice.errors import ConfigurationError
from pyai_voice.passages import GroundingStyle

from ._listen import listen
from ._passages import citations, message_for, said_last, with_passages
from .stt import STT, the_stt

__all__ = ["GroundedLLM", "GroundingMixin", "cite"]


class GroundedLLM(llm.LLM[Never]):
    """A language model that is told the passages of the user's last words; everything else is the model's own.

    For any agent: ``AgentSession(stt=stt, llm=pyai.GroundedLLM(openai.LLM(), stt))``. Closing it closes the model.
    Raises ConfigurationError for what is no language model of LiveKit, or no PyAI STT.
    """

    def __init__(self, model: llm.LLM[Any], stt: STT, *, style: GroundingStyle | None = None) -> None:
        super().__init__()
        self._model = _language_model(model)
        self._hearer = the_stt(stt)
        self._style = style or GroundingStyle()
        self._silence = [
            listen(model, "metrics_collected", partial(self.emit, "metrics_collected")),
            listen(model, "error", partial(self.emit, "error")),
        ]

    @property
    def label(self) -> str:
        """The model's."""
        return self._model.label

    @property
    def model(self) -> str:
        """The model's name."""
        return self._model.model

    @property
    def provider(self) -> str:
        """The model's provider."""
        return self._model.provider

    @property
    def metrics_metadata(self) -> MetricsMetadata:
        """The model's."""
        return self._model.metrics_metadata

    def chat(self, *, chat_ctx: llm.ChatContext, **arguments: Any) -> llm.LLMStream:
        """Ask the model, with the passages that are known now; the arguments are the model's own."""
        return self._model.chat(chat_ctx=_grounded(chat_ctx, self._hearer, self._style), **arguments)

    def prewarm(self, *, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Prewarm the model."""
        self._model.prewarm(loop=loop)

    async def aclose(self) -> None:
        """Close the model."""
        while self._silence:
            self._silence.pop()()
        await self._model.aclose()


class GroundingMixin(Agent):
    """For agents: ``class Barista(pyai.GroundingMixin, Agent)`` tells its model the passages of the user's last words.

    Use it or :class:`GroundedLLM`, not both. A ``llm_node`` of your own calls ``super().llm_node(...)``.
    """

    grounding_style: GroundingStyle = GroundingStyle()
    """How the passages are chosen and written."""
    grounding_stt: STT | None = None
    """Where the passages come from; None: the agent's STT, else the session's."""

    def llm_node(
        self, chat_ctx: llm.ChatContext, tools: list[llm.Tool], model_settings: ModelSettings
    ) -> (
        AsyncIterable[llm.ChatChunk | str | FlushSentinel]
        | Coroutine[Any, Any, AsyncIterable[llm.ChatChunk | str | FlushSentinel]]
        | Coroutine[Any, Any, str]
        | Coroutine[Any, Any, llm.ChatChunk]
        | Coroutine[Any, Any, None]
    ):
        """Ask the model, with the passages that are known now."""
        grounded = _grounded(chat_ctx, self._source(), self.grounding_style)
        return super().llm_node(grounded, tools, model_settings)

    def _source(self) -> STT:
        agent: Any = self  # LiveKit leaves the type argument of its STT open
        stt = agent.grounding_stt or agent.stt or agent.session.stt
        if isinstance(stt, STT):
            return stt
        raise ConfigurationError("GroundingMixin: set grounding_stt; the session's STT is not a pyai.STT")


def cite(session: AgentSession[Any], stt: STT, *, style: GroundingStyle | None = None) -> None:
    """Write into each reply of the agent which passages its model was told: ``ChatMessage.extra["citations"]``.

    A list of ``{"number", "content", "score"}``; absent where there were none. ``extra`` is kept in the history and
    never sent to a model. The style is that of the model's passages: then the numbers are those that it saw.
    """
    listen(session, "conversation_item_added", _Citations(the_stt(stt), style or GroundingStyle()).item_added)


class _Citations:
    def __init__(self, stt: STT, style: GroundingStyle) -> None:
        self._stt = stt
        self._style = style
        self._cited: list[dict[str, Any]] = []

    def item_added(self, event: ConversationItemAddedEvent) -> None:
        item = event.item
        if not isinstance(item, llm.ChatMessage):
            return
        if item.role == "user":
            self._cited = citations(self._stt.passages_of(item.text_content or ""), self._style)
        elif item.role == "assistant" and self._cited:
            item.extra["citations"] = self._cited


def _language_model(given: object) -> llm.LLM[Any]:
    if isinstance(given, llm.LLM):
        return given  # pyright: ignore[reportUnknownVariableType] - LiveKit leaves its type argument open
    raise ConfigurationError(
        f"model: expected a language model of LiveKit, not {type(given).__name__}",
        code="invalid_option",
        hint="Give it a model such as openai.LLM(); for a realtime model there is RealtimeGrounding",
    )


def _grounded(chat_ctx: llm.ChatContext, stt: STT, style: GroundingStyle) -> llm.ChatContext:
    stt.expect_passages()
    index, said = said_last(chat_ctx)
    message = message_for(stt.passages_of(said), style)
    return chat_ctx if message is None else with_passages(chat_ctx, index, message)
