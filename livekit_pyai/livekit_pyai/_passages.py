"""Passages in LiveKit's words: put into a copy of the chat, and cited on the reply.

Above: :mod:`.grounding` and :mod:`.realtime`. Below: the core's text for the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from livekit.agents import llm, utils

from pyai_voice.events import Passage
from pyai_voice.passages import GroundingStyle, render, select

__all__ = ["citations", "message_for", "said_last", "with_passages"]


def said_last(chat_ctx: llm.ChatContext) -> tuple[int, str]:
    """Return where the last message of the user is, and its text; (-1, "") where there is none."""
    for index, item in reversed([*enumerate(chat_ctx.items)]):
        if isinstance(item, llm.ChatMessage) and item.role == "user":
            return index, item.text_content or ""
    return -1, ""


def message_for(passages: Sequence[Passage] | None, style: GroundingStyle) -> llm.ChatMessage | None:
    """Return the message that tells a model of the passages; None where there is nothing to tell."""
    text = render(passages, style)
    return None if text is None else llm.ChatMessage(id=utils.shortuuid("pyai_"), role=style.role, content=[text])


def with_passages(chat_ctx: llm.ChatContext, index: int, message: llm.ChatMessage) -> llm.ChatContext:
    """Return a copy of the chat with the message put before ``index``; the chat itself stays as it is."""
    items = [*chat_ctx.items]
    items.insert(index, message)
    return llm.ChatContext(items)


def citations(passages: Sequence[Passage] | None, style: GroundingStyle) -> list[dict[str, Any]]:
    """Return what ``[1]``, ``[2]``, ``[3]`` stand for: number, content and score of each passage."""
    chosen = select(passages or (), style)
    return [
        {"number": number, "content": passage.content, "score": passage.score}
        for number, passage in enumerate(chosen, 1)
    ]
