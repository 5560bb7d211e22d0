"""Passages of the knowledge base for the language model, and not for the history of the conversation.

    transport.input() -> stt -> user aggregator -> PyAIGroundingProcessor -> llm -> tts -> transport.output() -> ...

The service pushes the passages of an utterance ahead of its transcript (:class:`~.frames.PyAIGroundingFrame`); here
they meet the context that the aggregator makes of the transcript. No second call, no second round trip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    LLMContextFrame,
    UserMuteStartedFrame,
    UserMuteStoppedFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.processors.frameworks.rtvi.frames import RTVIServerMessageFrame

from pyai_voice.errors import ConfigurationError
from pyai_voice.events import Passage
from pyai_voice.passages import GroundingStyle, render, select

from ._pending import PendingPassages
from .frames import PyAIGroundingFrame

__all__ = ["GroundingMode", "PyAIGroundingProcessor"]

GroundingMode = Literal["ephemeral", "turn"]
"""How long a turn's passages are seen: by the first call of the model only, or by its calls after tools as well."""


class PyAIGroundingProcessor(FrameProcessor):
    """Puts the passages of this turn in front of the question that the model is about to answer.

    ``ephemeral``: into a copy of the context; the history never holds a passage, and a call after a tool sees none.
    ``turn``: into the context itself, so that the calls after tools see them, until the next turn begins or the call
    ends. A speculative call always gets a copy. Tools and tool choice are kept.

    Event ``on_grounding(processor, passages)``: what the model gets, the best one first, as ``[1]``, ``[2]``, ``[3]``;
    once a turn, and empty where nothing was found. With ``citations`` clients get it too, as a server message of RTVI
    ``{"type": "pyai-grounding", "passages": [{"content", "score"}]}``.
    """

    def __init__(
        self,
        *,
        mode: GroundingMode = "ephemeral",
        style: GroundingStyle | None = None,
        citations: bool = True,
        **kwargs: Any,
    ) -> None:
        """Stand between the user aggregator and the model.

        Args:
            mode: How long a turn's passages are seen.
            style: How they are chosen and written: role, template, minimum score, token budget, what if there are none.
            citations: Whether clients are sent what the model was given.
            **kwargs: For FrameProcessor.

        Raises:
            ConfigurationError: A ValueError: there is no such mode.
        """
        super().__init__(**kwargs)
        if mode not in ("ephemeral", "turn"):
            raise ConfigurationError("mode: expected ephemeral or turn", code="invalid_option")
        self._mode = mode
        self._style = style or GroundingStyle()
        self._citations = citations
        self._pending = PendingPassages()
        self._slot: tuple[LLMContext, Any] | None = None
        self._told: tuple[Passage, ...] | None = None
        self._register_event_handler("on_grounding")

    async def cleanup(self) -> None:
        """Leave the history clean."""
        await super().cleanup()
        self._clean_history()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Take passages, follow the turns, and ground what goes to the model."""
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMContextFrame) and direction is FrameDirection.DOWNSTREAM:
            frame = await self._ground(frame)
        else:
            self._follow(frame)
        await self.push_frame(frame, direction)

    def _follow(self, frame: Frame) -> None:
        match frame:
            case PyAIGroundingFrame(utterance=utterance, passages=passages):
                self._pending.take(utterance, passages)
            case UserStartedSpeakingFrame():
                self._pending.turn_started()
                self._clean_history()
                self._told = None
            case UserStoppedSpeakingFrame():
                self._pending.turn_stopped()
            case UserMuteStartedFrame() | UserMuteStoppedFrame():
                self._pending.mute(isinstance(frame, UserMuteStartedFrame))
            case EndFrame() | CancelFrame():
                self._clean_history()
            case _:
                pass

    async def _ground(self, frame: LLMContextFrame) -> LLMContextFrame:
        if not frame.speculation:
            self._clean_history()
        messages: list[Any] = [message for message in frame.context.get_messages() if not self._is_ours(message)]
        at = _question_at(messages)
        if at is None:
            return frame
        found = self._pending.answer(messages[at]["content"], speculation=frame.speculation)
        written = render(found, self._style)
        await self._tell(found)
        if written is None:
            return frame
        passages: Any = {"role": self._style.role, "content": written}
        return self._insert(frame, [*messages[:at], passages, *messages[at:]], passages)

    def _insert(self, frame: LLMContextFrame, messages: list[Any], passages: Any) -> LLMContextFrame:
        context = frame.context
        if self._mode == "turn" and not frame.speculation:
            context.set_messages(messages)
            self._slot = context, passages
            return frame
        grounded = LLMContext(messages=messages, tools=context.tools, tool_choice=context.tool_choice)
        copy = replace(frame, context=grounded)
        copy.metadata.update(frame.metadata)
        return copy

    def _is_ours(self, message: Any) -> bool:
        return self._slot is not None and message is self._slot[1]

    def _clean_history(self) -> None:
        """Take the passages of the turn before out of the context."""
        if self._slot:
            context = self._slot[0]
            context.set_messages([message for message in context.get_messages() if not self._is_ours(message)])
            self._slot = None

    async def _tell(self, found: tuple[Passage, ...] | None) -> None:
        if found is None:
            return
        chosen = select(found, self._style)
        if chosen == self._told:
            return
        self._told = chosen
        await self._call_event_handler("on_grounding", chosen)
        if chosen and self._citations:
            cited = [{"content": passage.content, "score": passage.score} for passage in chosen]
            await self.push_frame(RTVIServerMessageFrame(data={"type": "pyai-grounding", "passages": cited}))


def _question_at(messages: Sequence[Any]) -> int | None:
    """Return where the user's last message is; None where it has been answered already."""
    for at in range(len(messages) - 1, -1, -1):
        role = messages[at].get("role") if isinstance(messages[at], dict) else ""  # or it is for one model only
        if role == "user":
            return at
        if role == "assistant":
            return None
    return None
