"""A Pipecat transport without devices: a :class:`~demo.call.Call` gives the caller's audio and takes the bot's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    ErrorFrame,
    Frame,
    FunctionCallResultFrame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    LLMContextFrame,
    LLMTextFrame,
    OutputAudioRawFrame,
    StartFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)
from pipecat.observers.base_observer import BaseObserver, FramePushed
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMUserAggregator
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import LLMService
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import BaseTransport, TransportParams
from pipecat.workers.runner import WorkerRunner

from pipecat_pyai import PyAIGroundingFrame

from ..call import BOT, CALLER, Call

__all__ = ["HeadlessTransport", "call_bot"]

END_TIMEOUT = 10.0
"""Seconds that a pipeline has to end."""


class HeadlessTransport(BaseTransport):
    """Both ends of a call; fires ``on_client_connected`` when the pipeline has started."""

    def __init__(self, call: Call):
        super().__init__()
        params = TransportParams(
            audio_in_enabled=True,
            audio_in_sample_rate=CALLER.rate,
            audio_out_enabled=True,
            audio_out_sample_rate=BOT.rate,
            audio_out_end_silence_secs=0,
        )
        self._call = call
        self._ears = _Ears(params, call, self._connected)
        self._mouth = _Mouth(params, call)
        self._register_event_handler("on_client_connected")
        self._register_event_handler("on_client_disconnected")

    def input(self) -> FrameProcessor:
        """Return the processor that gives the caller's audio."""
        return self._ears

    def output(self) -> FrameProcessor:
        """Return the processor that takes the bot's audio."""
        return self._mouth

    async def _connected(self) -> None:
        await self._call_event_handler("on_client_connected", self._call)


class _Ears(BaseInputTransport):
    def __init__(self, params: TransportParams, call: Call, connected: Callable[[], Awaitable[None]]):
        super().__init__(params)
        self._call = call
        self._connected = connected
        self._task: asyncio.Task[None] | None = None

    async def start(self, frame: StartFrame) -> None:
        """Begin to listen to the caller."""
        await super().start(frame)
        await self.set_transport_ready(frame)
        self._task = self.create_task(self._listen())

    async def _listen(self) -> None:
        await self._connected()
        async for chunk in self._call.microphone():
            await self.push_audio_frame(InputAudioRawFrame(chunk, CALLER.rate, 1))

    async def cleanup(self) -> None:
        """Stop listening."""
        if self._task:
            await self.cancel_task(self._task)
            self._task = None
        await super().cleanup()


class _Mouth(BaseOutputTransport):
    def __init__(self, params: TransportParams, call: Call):
        super().__init__(params)
        self._call = call
        self._free_at = 0.0

    async def start(self, frame: StartFrame) -> None:
        """Get ready to play."""
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        """Play a chunk; return when it has sounded, as a sound card would."""
        self._free_at = max(self._free_at, time.monotonic()) + BOT.seconds(len(frame.audio))
        self._call.play(frame.audio)
        await asyncio.sleep(max(0.0, self._free_at - time.monotonic()))
        return True


class _Watch(BaseObserver):
    """Tells the call what the bot understands and does; each frame counts where it is born."""

    def __init__(self, call: Call):
        super().__init__()
        self._call = call
        self._context: LLMContext | None = None

    def history(self) -> list[str]:
        """Return the messages that the bot keeps."""
        return [str(message) for message in self._context.messages] if self._context else []

    async def on_push_frame(self, data: FramePushed) -> None:
        """Look at a frame on its way between two processors."""
        if isinstance(data.destination, LLMService) and isinstance(data.frame, LLMContextFrame):
            self._call.asked()
        if isinstance(data.frame, ErrorFrame):
            self._call.fail(f"The Pipecat bot reports: {data.frame.error}")
        elif data.direction is FrameDirection.DOWNSTREAM:
            self._look(data.source, data.frame)
        elif isinstance(data.source, LLMService):  # a model that hears by itself tells the processors before it
            self._look_at_ear(data.frame)

    def _look(self, source: FrameProcessor, frame: Frame) -> None:
        match source:
            case STTService():
                self._look_at_ear(frame)
            case LLMUserAggregator() if isinstance(frame, LLMContextFrame) and not frame.speculation:
                self._context = frame.context
            case LLMService() | TTSService():
                self._look_at_mind(frame)
            case BaseOutputTransport():
                self._look_at_mouth(frame)
            case _:
                pass

    def _look_at_ear(self, frame: Frame) -> None:
        match frame:
            case InterimTranscriptionFrame():
                self._call.partial(frame.text)
            case TranscriptionFrame():
                self._call.final(frame.text)
            case PyAIGroundingFrame():
                self._call.grounded(passage.content for passage in frame.passages or ())
            case _:
                pass

    def _look_at_mind(self, frame: Frame) -> None:
        match frame:
            case LLMTextFrame():
                self._call.word()
            case TTSAudioRawFrame():
                self._call.synthesized()
            case FunctionCallResultFrame():
                self._call.tool(frame.function_name, frame.arguments, frame.result)
            case _:
                pass

    def _look_at_mouth(self, frame: Frame) -> None:
        match frame:
            case BotStartedSpeakingFrame():
                self._call.bot_started()
            case TTSTextFrame():
                self._call.replied(frame.text)
            case BotStoppedSpeakingFrame():
                self._call.bot_stopped()
            case _:
                pass


@asynccontextmanager
async def call_bot(call: Call, build: Callable[[BaseTransport], PipelineWorker]) -> AsyncGenerator[None]:
    """Run the bot that ``build`` makes for a transport, for as long as the context lasts."""
    worker = build(HeadlessTransport(call))
    watch = _Watch(call)
    worker.add_observer(watch)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    task = asyncio.create_task(runner.run())
    task.add_done_callback(lambda _: call.fail("The Pipecat bot ended"))
    try:
        yield
    finally:
        await worker.cancel()
        await asyncio.wait_for(task, END_TIMEOUT)
        call.history = watch.history()
