"""A pipeline that runs for a test, and hears every frame that leaves it at either end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    MetricsFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.metrics.metrics import MetricsData
from pipecat.observers.base_observer import BaseObserver
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.utils.base_object import BaseObject
from pipecat.workers.runner import WorkerRunner

F = TypeVar("F", bound=Frame)
M = TypeVar("M", bound=MetricsData)

PATIENCE = 20
"""Seconds that a test waits for something that must happen; long, because the machine may be busy."""


class Ear(FrameProcessor):
    """Notes the frames that come to one end of the pipeline."""

    def __init__(self, frames: list[Frame], direction: FrameDirection, changed: asyncio.Event) -> None:
        super().__init__(enable_direct_mode=True)
        self._frames, self._direction, self._changed = frames, direction, changed

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if direction is self._direction:
            self._frames.append(frame)
            self._changed.set()
        await self.push_frame(frame, direction)


class Running:
    """A running pipeline. ``down`` and ``up`` are the frames that left it at its end and at its beginning."""

    def __init__(self, worker: PipelineWorker, down: list[Frame], up: list[Frame], changed: asyncio.Event) -> None:
        self.worker, self.down, self.up, self._changed = worker, down, up, changed
        self.ended = asyncio.Event()

    async def send(self, *frames: Frame) -> None:
        for frame in frames:
            await self.worker.queue_frame(frame)

    async def audio(self, seconds: float, rate: int = 16000, value: int = 1000) -> None:
        """Queue audio in frames of 20 ms, all at once."""
        await self.send(*audio(seconds, rate, value))

    async def say(self, seconds: float) -> None:
        """Queue a stretch of speech, with the words of a voice detector around it."""
        await self.send(VADUserStartedSpeakingFrame(start_secs=0.2))
        await self.audio(seconds)
        await self.send(VADUserStoppedSpeakingFrame(stop_secs=0.2))

    def all(self, kind: type[F]) -> list[F]:
        return [frame for frame in self.down + self.up if isinstance(frame, kind)]

    async def until(self, kind: type[F], count: int = 1) -> F:
        """Wait for the ``count``-th frame of a kind."""
        await self.when(lambda: len(self.all(kind)) >= count, f"{count} {kind.__name__}")
        return self.all(kind)[count - 1]

    async def when(self, true: Callable[[], bool], what: str = "a condition") -> None:
        """Wait until something is true of the frames that came."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not true():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            came = [type(frame).__name__ for frame in self.down + self.up]
            raise AssertionError(f"waited for {what}, came {came}") from None

    @property
    def errors(self) -> list[ErrorFrame]:
        return [frame for frame in self.up if isinstance(frame, ErrorFrame)]

    def metrics(self, kind: type[M]) -> list[M]:
        return [data for frame in self.all(MetricsFrame) for data in frame.data if isinstance(data, kind)]

    async def end(self) -> None:
        """End as a call ends."""
        await self.send(EndFrame())
        async with asyncio.timeout(PATIENCE):
            await self.ended.wait()


def audio(seconds: float, rate: int = 16000, value: int = 1000) -> list[InputAudioRawFrame]:
    """Return frames of 20 ms."""
    pcm = value.to_bytes(2, "little", signed=True) * (rate // 50)
    return [InputAudioRawFrame(pcm, rate, 1) for _ in range(round(seconds * 50))]


@asynccontextmanager
async def running(
    *processors: FrameProcessor,
    rate_in: int = 16000,
    rate_out: int = 24000,
    observers: list[BaseObserver] | None = None,
    **options: Any,
) -> AsyncIterator[Running]:
    """Run a pipeline from its start until the test is done with it; it is cancelled if it has not ended."""
    down: list[Frame] = []
    up: list[Frame] = []
    changed, started = asyncio.Event(), asyncio.Event()
    first, last = Ear(up, FrameDirection.UPSTREAM, changed), Ear(down, FrameDirection.DOWNSTREAM, changed)
    worker = PipelineWorker(
        Pipeline([first, *processors, last]),
        params=PipelineParams(
            enable_metrics=True,
            enable_usage_metrics=True,
            audio_in_sample_rate=rate_in,
            audio_out_sample_rate=rate_out,
            send_initial_empty_metrics=False,
        ),
        observers=observers or [],
        cancel_on_idle_timeout=False,
        enable_rtvi=False,
        **options,
    )

    @worker.event_handler("on_pipeline_started")
    async def _(_worker: PipelineWorker, _frame: Frame) -> None:
        started.set()

    pipeline = Running(worker, down, up, changed)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    task = asyncio.create_task(runner.run())
    task.add_done_callback(lambda _: pipeline.ended.set())
    try:
        async with asyncio.timeout(PATIENCE):
            await started.wait()
        yield pipeline
    finally:
        if not pipeline.ended.is_set():
            await worker.cancel()
        async with asyncio.timeout(PATIENCE):
            await task


class Happenings(list[tuple[str, tuple[Any, ...]]]):
    """The events that a service fired, in order."""

    def __init__(self, service: BaseObject, *names: str) -> None:
        super().__init__()
        self._changed = asyncio.Event()
        for name in names:
            service.add_event_handler(name, self._note(name))

    def _note(self, name: str) -> Callable[..., Any]:
        async def handler(_service: FrameProcessor, *arguments: Any) -> None:
            self.append((name, arguments))
            self._changed.set()

        return handler

    def names(self) -> list[str]:
        return [name for name, _ in self]

    async def until(self, name: str, count: int = 1) -> tuple[Any, ...]:
        async with asyncio.timeout(PATIENCE):
            while self.names().count(name) < count:
                self._changed.clear()
                await self._changed.wait()
        return [arguments for happened, arguments in self if happened == name][count - 1]
