"""Works off the transcription jobs, one after the other, and posts the news of their ends."""

from __future__ import annotations

import asyncio
import logging
from io import BytesIO
from typing import TYPE_CHECKING

from pydantic import BaseModel

from ..audio import AudioFormat
from ..errors import PyAIError, ServiceError, service_error
from ..outbound import Outbound
from .callbacks import Callbacks
from .decode import decode, decode_channels
from .engines.transcribe import Segment, transcribe
from .engines.words import TextOptions
from .engines.workers import EngineBusyError
from .settings import Settings
from .state.jobs import Job, JobOptions, JobResult, Jobs, JobSegment
from .subtitles import srt, vtt

if TYPE_CHECKING:
    from .engines.load import Engines

__all__ = ["JobNews", "Transcribing"]

_log = logging.getLogger(__name__)

_DOWNLOAD = 120.0
"""Seconds that a recording may take to come."""
_BUSY = 1.0
"""Seconds before a job is tried again when the engines are busy."""


class JobNews(BaseModel):
    """What a callback says; read the job itself for more."""

    job_id: str
    status: str
    created_at: int
    updated_at: int
    call_id: str | None = None


class Transcribing:
    """The worker of the jobs. Belongs to one event loop; close it with :meth:`aclose`: nothing is lost by that."""

    def __init__(
        self, jobs: Jobs, engines: Engines, outbound: Outbound, callbacks: Callbacks, settings: Settings
    ) -> None:
        self._jobs = jobs
        self._engines = engines
        self._outbound = outbound
        self._callbacks = callbacks
        self._settings = settings
        self._woken = asyncio.Event()
        self._running: tuple[str, asyncio.Task[JobResult]] | None = None
        self._posting: set[asyncio.Task[None]] = set()
        self._task = asyncio.create_task(self._run())

    def wake(self) -> None:
        """There is a new job."""
        self._woken.set()

    def stop(self, job_id: str) -> None:
        """A job was cancelled: do not go on with it."""
        if self._running is not None and self._running[0] == job_id:
            self._running[1].cancel()
        self._woken.set()

    async def aclose(self) -> None:
        """Stop; what is half done is begun again at the next start."""
        tasks = [self._task, *self._posting]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                await self._jobs.recover()  # what an earlier process, or a full disk, left half done
                await self._announce()
                for organisation, job_id in await self._jobs.queued():
                    await self._work(organisation, job_id)
                    await self._announce()
            except ServiceError as error:  # the store or the engines: they may be well again
                _log.warning("transcription jobs wait: %s", error)
                await asyncio.sleep(_BUSY)
                continue
            await self._woken.wait()

    async def _work(self, organisation: str, job_id: str) -> None:
        started = await self._jobs.start(organisation, job_id)
        if started is None:
            return
        task = asyncio.create_task(self._transcribe(*started))
        self._running = job_id, task
        try:
            await asyncio.wait([task])
        finally:
            self._running = None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled():
            await self._end(organisation, job_id, task)

    async def _end(self, organisation: str, job_id: str, task: asyncio.Task[JobResult]) -> None:
        error = task.exception()
        if error is None:
            await self._jobs.complete(organisation, job_id, task.result())
        elif isinstance(error, EngineBusyError):
            raise error  # later
        elif isinstance(error, PyAIError):
            await self._jobs.fail(organisation, job_id, f"{error.code}: {error.message}")
        else:
            _log.error("a transcription job failed", exc_info=error)
            await self._jobs.fail(organisation, job_id, "internal_error: the local server failed; see its log")

    # -- one job --------------------------------------------------------------------------------------

    async def _transcribe(self, job: Job, uploaded: bytes) -> JobResult:
        audio = uploaded or await self._download(job.audio_url or "")
        rate = self._engines.recognizer.rate
        longest = self._settings.max_recording
        if job.options.channel:
            channels = await asyncio.to_thread(decode_channels, BytesIO(audio), rate, longest)
        else:
            channels = [await asyncio.to_thread(decode, BytesIO(audio), rate, longest)]
        found = [await self._hear(pcm, job.options) for pcm in channels]
        return _result(found, AudioFormat(rate).seconds(len(channels[0])), job.options)

    async def _download(self, url: str) -> bytes:
        answer = await self._outbound.request("GET", url, timeout=_DOWNLOAD, largest=self._settings.max_upload)
        if not answer.good:
            raise service_error(f"audio_url: the address answered with status {answer.status}", code="upstream_error")
        return answer.body

    async def _hear(self, pcm: bytes, options: JobOptions) -> list[Segment]:
        text = TextOptions(
            numerals=bool(options.numerals),
            smart_format=options.smart_format,
            drop_fillers=options.drop_fillers,
            vocabulary=self._engines.vocabulary(options.vocabulary),
        )
        engines = self._engines
        return await transcribe(engines.recognizer, engines.new_detector(), pcm, engines.recognizer.rate, text)

    # -- callbacks ------------------------------------------------------------------------------------

    async def _announce(self) -> None:
        known = {task.get_name() for task in self._posting}
        for organisation, job in await self._jobs.unannounced():
            if job.job_id not in known:
                task = asyncio.create_task(self._post(organisation, job), name=job.job_id)
                self._posting.add(task)
                task.add_done_callback(self._posting.discard)

    async def _post(self, organisation: str, job: Job) -> None:
        news = JobNews(**job.model_dump(include={*JobNews.model_fields}), call_id=job.options.call_id)
        await self._callbacks.post(organisation, job.options.webhook_url or "", news)
        try:
            await self._jobs.announced(organisation, job.job_id)
        except ServiceError:
            _log.exception("a callback may come twice")


def _result(channels: list[list[Segment]], seconds: float, options: JobOptions) -> JobResult:
    heard = sorted(
        ((segment, channel) for channel, segments in enumerate(channels) for segment in segments),
        key=lambda each: (each[0].start, each[1]),
    )
    segments = [
        JobSegment(
            id=number,
            start=round(segment.start, 3),
            end=round(segment.end, 3),
            text=segment.text,
            speaker=f"speaker_{channel + 1}" if options.channel else None,
            channel=channel if options.channel else None,
        )
        for number, (segment, channel) in enumerate(heard)
    ]
    written = [segment for segment, _ in heard]
    formats = {name: write(written) for name, write in (("srt", srt), ("vtt", vtt)) if name in options.output_formats}
    return JobResult(
        text=" ".join(segment.text for segment in written),
        speakers=len({channel for _, channel in heard}) if options.channel else None,
        audio_seconds=round(seconds, 3),
        segments=segments,
        formats=formats or None,
    )
