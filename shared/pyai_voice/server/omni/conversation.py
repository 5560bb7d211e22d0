"""One Omni conversation: it listens, thinks, calls tools and speaks at the same time; no word of any wire.

Above: the framings (:mod:`.native`, ``openai``). Below: the ears (Hear's listener and a voice watch), the brain, the
voice. The public face; the parts are its siblings.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from ...omni_options import OmniOptions
from ..brain import Brain, Message
from ..engines.load import Engines
from .facts import Fact
from .habits import Habits

__all__ = ["Conversation"]


class Conversation:
    """A conversation with one caller. Must be made inside a running event loop.

    ::

        conversation = Conversation(engines, brain, agent, caller_rate=16000, output_rate=24000)
        conversation.greet()                    # the consent line and the greeting of the agent, where it has them
        await conversation.feed(pcm)            # the caller's audio, any size, in real time
        async for fact in conversation:         # in a task of its own; ends after facts.Ended
            ...
        await conversation.aclose()

    Only ``feed``, ``commit``, ``finish`` and ``aclose`` wait; everything else takes effect at once, in the order of the
    calls, and is told as facts. An error of the brain or of a tool is a fact (Trouble) and the conversation goes on; an
    error of the engines ends it (Trouble, then Ended ``engine_failed``).
    """

    def __init__(
        self,
        engines: Engines,
        brain: Brain,
        agent: OmniOptions,
        *,
        caller_rate: int,
        output_rate: int,
        habits: Habits | None = None,
    ) -> None:
        """Rates are samples a second; audio is pcm16 mono. ``agent`` says persona, voice, greeting, tools ..."""
        raise NotImplementedError

    # What the framing says

    async def feed(self, pcm: bytes) -> None:
        """Hear the caller; half a sample is carried over. Waits while ten seconds are unheard."""

    async def commit(self) -> None:
        """End the caller's utterance here, silence or not: exactly one CallerSaid (``committed``) follows."""

    async def clear(self) -> None:
        """Forget what the caller said since the last CallerSaid: nothing is told of it."""

    def configure(self, agent: OmniOptions, habits: Habits | None = None) -> None:
        """Be this agent, and behave like this, from now on; what is being said goes on."""

    def greet(self) -> None:
        """Say the agent's consent line and greeting; nothing where it has none."""

    def say(self, text: str) -> None:
        """Say this, word for word, after what is being said; it enters the history."""

    def respond(self, instructions: str = "", *, tools: bool = True) -> None:
        """Answer now with what was said so far; ``instructions`` take the persona's place for this answer only.

        What is being said is interrupted (reason ``client``).
        """

    def interrupt(self) -> None:
        """Stop speaking and thinking: Interrupted (reason ``client``) where a turn had begun."""

    def add(self, message: Message) -> None:
        """Put an entry into the history without an answer to it."""

    def rewrite(self, messages: Sequence[Message]) -> None:
        """Put these in the place of the history: some clients own it, and take entries out or put them in between."""

    def truncate(self, reply: str, seconds: float) -> None:
        """Say how much of an interrupted reply the caller really heard; the history holds only that."""

    def press(self, digits: str) -> None:
        """Tell that the caller pressed keys; the agent answers when no more come for a moment."""

    def answer_tool(self, call_id: str, result: Any = None, error: str = "") -> None:
        """Give the result of a ToolWanted, or why there is none; ignored where it is answered already."""

    # Life

    def __aiter__(self) -> AsyncIterator[Fact]:
        """Yield every fact in order."""
        raise NotImplementedError

    async def finish(self) -> None:
        """Let the sentence that is being spoken come to its end (two seconds at most), then end with ``closed``."""

    async def aclose(self) -> None:
        """Stop at once and let go of everything. Safe to call twice."""
