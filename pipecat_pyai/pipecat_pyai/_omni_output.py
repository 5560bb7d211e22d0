"""The steps of an Omni call, taken: frames for the caller's words, the agent's reply and its tools; metrics and spans.

Above: :mod:`pipecat_pyai.omni`. What the steps are is decided in :mod:`._omni_translation`.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Iterable
from typing import Any

from loguru import logger
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import (
    EndWorkerFrame,
    FunctionCallCancelFrame,
    FunctionCallFromLLM,
    InterimTranscriptionFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    MetricsFrame,
    OutputDTMFFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    TTSTextFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.llm_service import LLMService
from pipecat.transcriptions.language import Language
from pipecat.utils.time import time_now_iso8601
from pipecat.utils.tracing.service_decorators import traced_llm, traced_stt

from pyai_voice.events import Connected, Disconnected
from pyai_voice.omni_events import AgentTurnBegan, OmniEvent, ReplyEnded, ReplyStarted

from ._omni_metrics import PyAIOmniUsageMetricsData, SessionMeter
from ._omni_translation import (
    CallerSays,
    Cut,
    Leave,
    OmniStep,
    OmniTranslation,
    ReplyBegins,
    ReplyEnds,
    RunTool,
    Show,
    Sound,
    Spoken,
    StopTool,
    TurnBegins,
    TurnEnds,
)
from ._proposals import TurnProposals

__all__ = ["OmniOutput"]

_WRITTEN = 0.5
"""Seconds that what answers the caller waits for the caller's words to be in the context."""
_REMEMBERED = 50
"""Transcripts that are remembered, to know a spoken message from a typed one."""


class OmniOutput(TurnProposals, LLMService[Any]):
    """Mixin: call :meth:`_take` with steps, :meth:`_measure` with events before that."""

    def __init__(self, *args: Any, ends_pipeline: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._ends_pipeline = ends_pipeline
        self._context: LLMContext | None = None
        self._translation = OmniTranslation()
        self._meter = SessionMeter()
        self._user_id = ""
        self._heard: deque[str] = deque(maxlen=_REMEMBERED)
        self._written = asyncio.Event()
        self._written.set()
        self._nobody_writes = False
        self._reply_id = ""
        self._unanswered: dict[str, str] = {}
        """Tool calls without a result: id and name of the tool."""
        self._interruptions = 0
        self._connections = 0
        self._taking = asyncio.Lock()
        self._span: asyncio.Task[None] | None = None
        self._span_over = asyncio.Event()

    def _language(self) -> Language | None:
        """Return the language of the conversation, where it is known."""
        return None

    # Steps

    async def _take(self, steps: Iterable[OmniStep]) -> None:
        """Take steps; a foreign interruption meanwhile takes away what the agent was to say."""
        async with self._taking:
            interruptions = self._interruptions
            for step in steps:
                if interruptions == self._interruptions or not isinstance(step, ReplyBegins | Sound | Show | Spoken):
                    await self._take_step(step)

    async def _take_step(self, step: OmniStep) -> None:
        match step:
            case TurnBegins():
                await self.propose_start()
            case CallerSays(text, final):
                await self._push_caller(text, final)
            case TurnEnds():
                await self.propose_stop()
            case Cut():
                await self.broadcast_interruption()
                await self._handle_interruptions(InterruptionFrame())
            case RunTool() | StopTool():
                await self._handle_tool(step)
            case Leave(reason):
                await self._leave(reason)
            case _:
                await self._take_reply_step(step)

    async def _take_reply_step(self, step: ReplyBegins | Sound | Show | Spoken | ReplyEnds) -> None:
        match step:
            case ReplyBegins():
                await self._until_written()
                self._reply_id = str(uuid.uuid4())
                await self.push_frame(LLMFullResponseStartFrame())
                await self.push_frame(TTSStartedFrame(context_id=self._reply_id))
            case Sound(pcm, rate):
                await self.stop_ttfb_metrics()
                await self.push_frame(TTSAudioRawFrame(pcm, rate, 1, context_id=self._reply_id))
            case Show(text):
                shown = LLMTextFrame(f"{text} ")
                shown.append_to_context = False
                await self.push_frame(shown)
            case Spoken(text):
                spoken = TTSTextFrame(text, "sentence", context_id=self._reply_id)
                await self.push_frame(spoken)
            case ReplyEnds():
                await self.push_frame(TTSStoppedFrame(context_id=self._reply_id))
                await self.push_frame(LLMFullResponseEndFrame())

    async def _push_caller(self, text: str, final: bool) -> None:
        await self.before_words()
        said = (text, self._user_id, time_now_iso8601(), self._language())
        if not final:
            await self.push_frame(InterimTranscriptionFrame(*said), FrameDirection.UPSTREAM)
            return
        self._heard.append(text)
        self._written.clear()
        await self.push_frame(TranscriptionFrame(*said, finalized=True), FrameDirection.UPSTREAM)
        await self._handle_transcription(text, True, said[-1])

    @traced_stt
    async def _handle_transcription(self, transcript: str, is_final: bool, language: Language | None = None) -> None:
        """Pipecat's tracing looks for this name."""

    async def _leave(self, reason: str) -> None:
        if self._ends_pipeline:
            logger.info(f"{self}: the pipeline ends after what waits to be played: {reason}")
            await self.push_frame(EndWorkerFrame(reason=reason))

    async def _press_digits(self, digits: str) -> None:
        """Have the transport play touch tones, behind the sound before them."""
        for digit in digits:
            try:
                button = KeypadEntry(digit)
            except ValueError:
                logger.warning(f"{self}: Pipecat has no key {digit!r} for what the agent wants to dial")
            else:
                await self.push_frame(OutputDTMFFrame(button=button))

    # The context

    def _note_written(self, context: LLMContext) -> None:
        """The aggregator has written what the caller said."""
        self._context, self._nobody_writes = context, False
        self._written.set()

    async def _until_written(self) -> None:
        if self._nobody_writes:
            return
        try:
            async with asyncio.timeout(_WRITTEN):
                await self._written.wait()
        except TimeoutError:  # there is no aggregator, or the user is muted
            self._nobody_writes = True

    # Tools

    async def _handle_tool(self, step: RunTool | StopTool) -> None:
        if isinstance(step, StopTool):
            await self._stop_tool(step.call_id + self._suffix)
            return
        await self._until_written()
        call = FunctionCallFromLLM(
            function_name=step.call.name,
            tool_call_id=step.call.call_id + self._suffix,
            arguments=step.call.arguments,
            context=self._context or LLMContext(),
        )
        self._unanswered[call.tool_call_id] = call.function_name
        await self.run_function_calls([call])

    async def _stop_tool(self, tool_call_id: str) -> None:
        await self._cancel_function_calls_by_tool_call_id(tool_call_id)
        if name := self._unanswered.get(tool_call_id):  # Pipecat knows nothing of a call whose handler has returned
            logger.warning(f"{self}: the tool {name} gave no result; it must call params.result_callback")
            await self.broadcast_frame(FunctionCallCancelFrame, function_name=name, tool_call_id=tool_call_id)

    @property
    def _suffix(self) -> str:
        """What tells the calls of one connection from those of another: the service may use its names again."""
        return f"~{self._connections}" if self._connections > 1 else ""

    def _wire_id(self, tool_call_id: str) -> str | None:
        """Return the service's name of a tool call; None where it was of another connection."""
        return tool_call_id.removesuffix(self._suffix) if tool_call_id.endswith(self._suffix) else None

    # Metrics and spans

    async def _measure(self, event: OmniEvent) -> None:
        now = asyncio.get_running_loop().time()
        match event:
            case Connected():
                self._connections += 1
                self._meter.start(now)
            case Disconnected():
                self._meter.stop(now)
            case AgentTurnBegan(waited=waited):
                began = time.time() - (waited or 0.0)
                await self.start_ttfb_metrics(start_time=began)
                await self.start_processing_metrics(start_time=began)
                await self._begin_span()
            case ReplyStarted():
                await self._begin_span()
            case ReplyEnded():
                await self.stop_processing_metrics()
                await self._report_usage()
                await self._end_span()
            case _:
                pass

    async def _report_usage(self) -> None:
        seconds = self._meter.take(asyncio.get_running_loop().time())
        if seconds and self.usage_metrics_enabled:
            used = PyAIOmniUsageMetricsData(processor=self.name, model=str(self._settings.model), seconds=seconds)
            await self.push_frame(MetricsFrame(data=[used]))

    async def _begin_span(self) -> None:
        if self._tracing_enabled and self._span is None:
            self._span_over.clear()
            self._span = self.create_task(self._trace_reply(self._context or LLMContext()), "pyai_omni_span")

    async def _end_span(self) -> None:
        span, self._span = self._span, None
        self._span_over.set()
        if span:
            await asyncio.wait([span], timeout=1.0)

    @traced_llm
    async def _trace_reply(self, context: LLMContext) -> None:
        """Pipecat's tracing makes a span as long as this call, with the text that is pushed meanwhile."""
        await self._span_over.wait()
