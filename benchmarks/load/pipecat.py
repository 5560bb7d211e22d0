"""``PyAISTTService`` in a running Pipecat pipeline: ours or the official one, whichever is installed."""

from __future__ import annotations

import asyncio

from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.stt_service import STTService
from pipecat.workers.runner import WorkerRunner

from pipecat_pyai import PyAISTTService

from ..hear_server import RATE
from .caller import KEY, Heard

__all__ = ["PipecatLine", "open_line", "run_pipeline"]

_PATIENCE = 20.0
"""Seconds that a pipeline has to start, and to end."""


class Sink(FrameProcessor):
    """What stands behind the service: notes the partials."""

    def __init__(self, heard: Heard) -> None:
        super().__init__()
        self._heard = heard

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Look at each frame and pass it on."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InterimTranscriptionFrame) and frame.text != "that was it":
            self._heard(frame.text)
        await self.push_frame(frame, direction)


class PipecatLine:
    """One pipeline."""

    def __init__(self, worker: PipelineWorker, running: asyncio.Task[None]) -> None:
        self._worker = worker
        self._running = running

    async def send(self, pcm: bytes) -> None:
        """Queue a frame, as an input transport does."""
        await self._worker.queue_frame(InputAudioRawFrame(pcm, RATE, 1))

    async def begin(self) -> None:
        """Say what Pipecat's VAD says."""
        await self._worker.queue_frame(VADUserStartedSpeakingFrame())

    async def commit(self) -> None:
        """Say what Pipecat's VAD says."""
        await self._worker.queue_frame(VADUserStoppedSpeakingFrame())

    async def close(self) -> None:
        """Cancel the pipeline."""
        await self._worker.cancel()
        await asyncio.wait_for(self._running, _PATIENCE)


async def open_line(base_url: str, heard: Heard) -> PipecatLine:
    """Start a pipeline of the service and a sink."""
    return await run_pipeline(PyAISTTService(api_key=KEY, base_url=base_url), heard)


async def run_pipeline(stt: STTService, heard: Heard) -> PipecatLine:
    """Start a pipeline of a speech-to-text service and a sink."""
    worker = PipelineWorker(
        Pipeline([stt, Sink(heard)]),
        params=PipelineParams(audio_in_sample_rate=RATE, enable_metrics=True, enable_usage_metrics=True),
        enable_rtvi=False,
        cancel_on_idle_timeout=False,
    )
    started = asyncio.Event()

    @worker.event_handler("on_pipeline_started")
    async def on_started(*_: object) -> None:
        started.set()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    await asyncio.wait_for(started.wait(), _PATIENCE)
    return PipecatLine(worker, running)
