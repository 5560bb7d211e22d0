"""A real Pipecat pipeline with PyAI's services; knows Pipecat and ``pipecat_pyai`` only: any release of it will do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    ProposedUserStartedSpeakingFrame,
    ProposedUserStoppedSpeakingFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStoppedFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.observers.base_observer import BaseObserver, FramePushed
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService
from pipecat.workers.runner import WorkerRunner

from pipecat_pyai import PyAISTTService, PyAITTSService

from .facts import END, ERROR, FINAL, START, Facts

__all__ = ["PipecatBot", "pipecat_bot"]

SAID = "said"


class _Watch(BaseObserver):
    """Notes what the services push; each frame counts where it is born."""

    def __init__(self, facts: Facts) -> None:
        super().__init__()
        self._facts = facts
        self._errors: set[int] = set()

    async def on_push_frame(self, data: FramePushed) -> None:
        frame = data.frame
        if isinstance(frame, ErrorFrame):
            self._note_error(frame)
        elif data.direction is FrameDirection.DOWNSTREAM and isinstance(data.source, STTService | TTSService):
            self._note(data.source, frame)

    def _note_error(self, frame: ErrorFrame) -> None:
        """Note an error once; Pipecat's own remark that nothing was heard follows nearly each one of Speak."""
        if frame.id not in self._errors and not frame.error.endswith("completed with no audio"):
            self._facts.note(ERROR, frame)
        self._errors.add(frame.id)

    def _note(self, source: STTService | TTSService, frame: Frame) -> None:
        match source, frame:
            case STTService(), TranscriptionFrame():
                self._facts.note(FINAL, frame.text)
            case STTService(), ProposedUserStartedSpeakingFrame():
                self._facts.note(START)
            case STTService(), ProposedUserStoppedSpeakingFrame():
                self._facts.note(END)
            case TTSService(), TTSAudioRawFrame():
                self._facts.hear(frame.audio)
            case TTSService(), TTSStoppedFrame():
                self._facts.note(SAID)
            case _:
                pass


class PipecatBot:
    def __init__(self, worker: PipelineWorker, facts: Facts) -> None:
        self.facts = facts
        self.worker = worker

    async def hear(self, frame: bytes) -> None:
        await self.worker.queue_frame(InputAudioRawFrame(frame, 16000, 1))

    async def say(self, text: str) -> None:
        said = len(self.facts.all(SAID))
        await self.worker.queue_frame(TTSSpeakFrame(text))
        await self.facts.until(SAID, said + 1)

    async def interrupt(self) -> None:
        await self.worker.queue_frame(InterruptionFrame())
        self.facts.note(SAID)

    async def commit(self) -> None:
        """Say what Pipecat's VAD says when it has heard the end of speech."""
        await self.worker.queue_frame(VADUserStoppedSpeakingFrame())


@asynccontextmanager
async def pipecat_bot(
    base_url: str, api_key: str, *, commits: bool = False, language: str = "", voice: str = "stock_ramp"
) -> AsyncIterator[PipecatBot]:
    """Run a pipeline; ``commits``: Pipecat's VAD ends turns, else PyAI does."""
    stt = PyAISTTService(api_key=api_key, base_url=base_url, language=language or None, vad_force_turn_endpoint=commits)
    tts = PyAITTSService(api_key=api_key, base_url=base_url, voice=voice)
    facts = Facts()
    worker = PipelineWorker(
        Pipeline([stt, tts]),
        params=PipelineParams(audio_in_sample_rate=16000, audio_out_sample_rate=24000),
        observers=[_Watch(facts)],
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    try:
        yield PipecatBot(worker, facts)
    finally:
        await worker.cancel()
        await asyncio.wait_for(running, 10)
