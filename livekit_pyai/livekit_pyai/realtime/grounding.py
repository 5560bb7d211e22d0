"""Passages of the knowledge base for speech-to-speech models: LiveKit has no hook before such a model answers, so
they go into the model's own conversation as soon as they come.

Above: a program with a RealtimeModel and a :class:`~..stt.STT`. The session's history stays as it is.
"""

from __future__ import annotations

import asyncio
from typing import Any

from livekit.agents import llm, utils

from pyai_voice.errors import ConfigurationError
from pyai_voice.events import Grounding
from pyai_voice.passages import GroundingStyle

from .._listen import listen
from .._passages import message_for
from ..log import logger
from ..stt import STT, the_stt

__all__ = ["RealtimeGrounding"]

_PATIENCE = 10.0
"""Seconds that a model may take to accept a change of its conversation."""


class RealtimeGrounding:
    """Keeps the passages of the caller's last words in a realtime model's conversation: one message, at its end.

    It is replaced when others come and taken out when the model hears the next turn begin. Only the newest counts:
    what comes while an update is under way waits. Raises ConfigurationError for a model whose conversation cannot be
    changed. Close it with :meth:`aclose`; belongs to one event loop::

        async def on_enter(self):
            self._grounding = pyai.RealtimeGrounding(self.realtime_llm_session, stt)
    """

    def __init__(self, session: llm.RealtimeSession[Any], stt: STT, *, style: GroundingStyle | None = None) -> None:
        if not session.capabilities.mutable_chat_context:
            raise ConfigurationError(
                "This realtime model's conversation cannot be changed",
                hint="Bind the knowledge base to the model's own session",
            )
        the_stt(stt).expect_passages()
        self._session = session
        self._style = style or GroundingStyle()
        self._wanted: llm.ChatMessage | None = None
        self._placed: llm.ChatMessage | None = None
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name="pyai-realtime-grounding")
        self._silence = [listen(stt, "grounding", self._take), listen(session, "input_speech_started", self._clear)]

    async def aclose(self) -> None:
        """Stop; what is in the conversation stays there. Idempotent."""
        while self._silence:
            self._silence.pop()()
        await utils.aio.cancel_and_wait(self._task)

    def _take(self, grounding: Grounding) -> None:
        self._want(message_for(grounding.passages, self._style))

    def _clear(self, *_: object) -> None:
        self._want(None)

    def _want(self, message: llm.ChatMessage | None) -> None:
        self._wanted = message
        self._changed.set()

    async def _run(self) -> None:
        while await self._changed.wait():
            self._changed.clear()
            if self._wanted is not self._placed:
                await self._place(self._wanted)

    async def _place(self, message: llm.ChatMessage | None) -> None:
        """Put the message in the place of the last one. A model that refuses keeps the conversation it has."""
        items = [item for item in self._session.chat_ctx.items if self._placed is None or item.id != self._placed.id]
        chat = llm.ChatContext([*items, message] if message else items)
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._session.update_chat_ctx(chat)
        except (llm.RealtimeError, TimeoutError) as error:
            logger.warning("Passages could not be given to the realtime model: %s", type(error).__name__)
        else:
            self._placed = message
