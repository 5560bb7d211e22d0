"""``PyAITTSService`` in a Pipecat pipeline with a real output transport: ours or the official one."""

from __future__ import annotations

import asyncio
import time

from pipecat.frames.frames import (
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    OutputAudioRawFrame,
    StartFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

from pipecat_pyai import PyAITTSService

from ..load.caller import KEY
from ..speak_server import RATE
from .ear import Ear

__all__ = ["speak"]

_PATIENCE = 30.0
_AHEAD = 0.02


class Mouth(BaseOutputTransport):
    """Takes a chunk a little before it is to sound, as a sound card does."""

    def __init__(self, ear: Ear) -> None:
        super().__init__(
            TransportParams(
                audio_out_enabled=True,
                audio_out_sample_rate=RATE,
                audio_out_end_silence_secs=0,
                audio_out_auto_silence=False,
            )
        )
        self._ear = ear

    async def start(self, frame: StartFrame) -> None:
        """Get ready."""
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        """Play."""
        self._ear.play(frame.audio)
        await asyncio.sleep(max(0.0, self._ear.free_at - _AHEAD - time.monotonic()))
        return True


async def speak(base_url: str, sentences: tuple[str, ...], ear: Ear) -> float:
    """Run a pipeline; give it the sentences as an LLM would."""
    worker = PipelineWorker(
        Pipeline([PyAITTSService(voice="stock_emma_en_gb", api_key=KEY, base_url=base_url), Mouth(ear)]),
        params=PipelineParams(audio_out_sample_rate=RATE, enable_metrics=True, enable_usage_metrics=True),
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
    began = time.monotonic()
    words = [LLMTextFrame(f"{sentence} ") for sentence in sentences]
    await worker.queue_frames([LLMFullResponseStartFrame(), *words, LLMFullResponseEndFrame()])
    await asyncio.wait_for(ear.done.wait(), _PATIENCE)
    await worker.cancel()
    await asyncio.wait_for(running, _PATIENCE)
    return began
