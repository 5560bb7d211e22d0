"""A Pipecat pipeline: microphone, Hear, user aggregator, and a note-taker in the place of the language model."""

from __future__ import annotations

import asyncio
from typing import Any

from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import Frame, InputAudioRawFrame, LLMContextFrame, StartFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
    UserTurnStoppedMessage,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

from pipecat_pyai import PyAISTTService
from pyai_voice.options import CueOptions

from .notes import FORMAT, Notes, microphone

__all__ = ["listen"]

_PATIENCE = 20.0


class Ears(BaseInputTransport):
    """Plays the recording."""

    def __init__(self, path: str, notes: Notes) -> None:
        super().__init__(TransportParams(audio_in_enabled=True, audio_in_sample_rate=FORMAT.rate))
        self.played = asyncio.Event()
        self._chunks = microphone(path, notes)
        self._task: asyncio.Task[None] | None = None

    async def start(self, frame: StartFrame) -> None:
        """Begin."""
        await super().start(frame)
        await self.set_transport_ready(frame)
        self._task = self.create_task(self._play())

    async def _play(self) -> None:
        async for chunk in self._chunks:
            await self.push_audio_frame(InputAudioRawFrame(chunk, FORMAT.rate, 1))
        self.played.set()

    async def cleanup(self) -> None:
        """End."""
        if self._task:
            await self.cancel_task(self._task)
            self._task = None
        await super().cleanup()


class Thinker(FrameProcessor):
    """Stands where the language model would, and notes when it is asked."""

    def __init__(self, notes: Notes) -> None:
        super().__init__()
        self._notes = notes

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Note."""
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMContextFrame):
            self._notes.think()
        await self.push_frame(frame, direction)


async def listen(base_url: str, api_key: str, owner: str, path: str) -> dict[str, Any]:
    """Play a recording to a bot whose turns end by ``owner``: framework, cue, or eager (Cue with predictions)."""
    notes = Notes()
    ears = Ears(path, notes)
    stt = PyAISTTService(
        api_key=api_key,
        base_url=base_url,
        sample_rate=FORMAT.rate,
        vad_force_turn_endpoint=owner == "framework",
        cue=CueOptions(eager=owner == "eager"),
    )
    # what Pipecat does by itself: Silero finds pauses, Smart Turn judges them
    params = LLMUserAggregatorParams(vad_analyzer=SileroVADAnalyzer()) if owner == "framework" else None
    user, _ = LLMContextAggregatorPair(LLMContext(), user_params=params)
    worker = PipelineWorker(Pipeline([ears, stt, user, Thinker(notes)]), cancel_on_idle_timeout=False)

    @user.event_handler("on_user_turn_stopped")
    async def stopped(_aggregator: object, _strategy: object, message: UserTurnStoppedMessage) -> None:
        notes.end(message.content or "")

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    await asyncio.wait_for(ears.played.wait(), 60 + _PATIENCE)
    await worker.cancel()
    await asyncio.wait_for(running, _PATIENCE)
    return notes.report()
