"""Transcription jobs: what was asked for, how far it is, and what came of it.

Source: protocol of PyAI, "Transcription jobs and webhooks".
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field

from ...errors import service_error
from .collection import Collection, Page
from .database import Database
from .records import Record, new_id, now_ms

__all__ = ["FINISHED", "Accepted", "Job", "JobOptions", "JobResult", "JobSegment", "Jobs"]

FINISHED = frozenset({"completed", "failed", "cancelled"})
_MOST = 10_000
"""Jobs of one organisation; then the oldest go."""
MOST_QUEUED = 100
"""Jobs of one organisation that wait; the next one is refused."""
_RETRY_AFTER = 5.0

Status = Literal["queued", "running", "completed", "failed", "cancelled"]
Text = Annotated[str, Field(max_length=200)]


class JobOptions(Record):
    """How a recording is transcribed."""

    model: Text = "pyai-hear-telephony"
    channel: bool = False
    """Each channel by itself."""
    diarize: bool = False
    numerals: bool | None = None
    smart_format: bool = False
    dictation: bool = False
    drop_fillers: bool = False
    vocabulary: Annotated[list[Text], Field(max_length=100)] = []
    output_formats: Annotated[list[Literal["json", "srt", "vtt"]], Field(max_length=3)] = ["json"]
    webhook_url: Annotated[str, Field(max_length=2000)] | None = None
    call_id: Text | None = None
    pack_id: Text | None = None
    call_direction: Text | None = None
    customer_name: Text | None = None


class JobSegment(Record):
    """What was said in one go; times in seconds from the start of the recording."""

    id: int
    start: float
    end: float
    text: str
    speaker: str | None = None
    """``speaker_1`` ... where the channels were transcribed by themselves."""
    channel: int | None = None


class JobResult(Record):
    """What a recording says."""

    text: str
    speakers: int | None
    """How many channels somebody spoke on; null where they were not told apart."""
    audio_seconds: float
    segments: list[JobSegment]
    words: list[dict[str, Any]] = []
    """The local engines have no times of words."""
    formats: dict[str, str] | None = None
    """``srt`` and ``vtt``, where they were asked for."""


class Job(Record):
    """One job."""

    job_id: str
    status: Status = "queued"
    created_at: int
    """Unix milliseconds."""
    updated_at: int
    options: JobOptions
    audio_url: str | None = None
    """Where the recording is; None: it was uploaded."""
    result: JobResult | None = None
    error: str | None = None
    result_token: str
    """Opens a large result to whoever has its address."""
    callback_due: bool = False
    """It is finished, and the receiver does not know yet."""


class Accepted(Record):
    """The answer to a new job."""

    job_id: str
    status: Status = "queued"
    created_at: int
    updated_at: int


class _Promise(Record):
    digest: str
    answer: Accepted


class Jobs:
    """The jobs of every organisation.

    Raises RequestError ``not_found`` for an id that the organisation does not have.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs = Collection(database, "job", Job, most=_MOST, trim=True)
        self._promises = Collection(database, "idempotency key", _Promise, most=_MOST, trim=True)

    async def create(
        self, organisation: str, options: JobOptions, audio: str | bytes, idempotency: tuple[str, str] | None = None
    ) -> Accepted:
        """Queue a job for a recording, given by its address or its bytes.

        ``idempotency`` is the caller's key and a digest of the request: the same pair gets the first answer again and
        no second job. Raises RequestError ``idempotency_conflict`` for the same key with another digest, and
        RateLimitError when too many wait already.
        """
        if await self._jobs.count(organisation, status="queued") >= MOST_QUEUED:
            raise service_error(
                f"{MOST_QUEUED} jobs are waiting already", code="concurrency_limit_exceeded", retry_after=_RETRY_AFTER
            )
        now = now_ms()
        accepted = Accepted(job_id=new_id("job"), created_at=now, updated_at=now)
        uploaded = audio if isinstance(audio, bytes) else None
        url = audio if isinstance(audio, str) else None
        token = secrets.token_urlsafe(24)
        job = Job(**accepted.model_dump(), options=options, audio_url=url, result_token=token)

        def create(connection: sqlite3.Connection) -> Accepted:
            if idempotency is not None:
                promised = self._promise(connection, organisation, accepted, *idempotency)
                if promised.job_id != accepted.job_id:
                    return promised
            self._jobs.insert(connection, organisation, job.job_id, job, uploaded)
            return accepted

        return await self._database.run(create)

    def _promise(
        self, connection: sqlite3.Connection, organisation: str, answer: Accepted, key: str, digest: str
    ) -> Accepted:
        def check(promise: _Promise) -> _Promise:
            if promise.digest != digest:
                raise service_error(
                    "This Idempotency-Key was used for a different request", code="idempotency_conflict"
                )
            return promise

        first = _Promise(digest=digest, answer=answer)
        return self._promises.upsert(connection, organisation, key, first, check).answer

    async def get(self, organisation: str, job_id: str) -> Job:
        """Return one."""
        return await self._jobs.get(organisation, job_id)

    async def by_id(self, job_id: str) -> Job | None:
        """Return one, whosever it is; None where there is none."""
        organisation = await self._jobs.owner(job_id)
        return await self._jobs.find(organisation, job_id) if organisation is not None else None

    async def page(self, organisation: str, limit: int = 20, cursor: str | None = None, **equal: str) -> Page[Job]:
        """Return a part of the list."""
        return await self._jobs.page(organisation, limit, cursor, **equal)

    async def cancel(self, organisation: str, job_id: str) -> Job:
        """Cancel one. Raises RequestError ``already_finished`` (409) when it is too late."""

        def cancel(job: Job) -> Job:
            if job.status in FINISHED:
                raise service_error(f"The job is {job.status} already", code="already_finished", status=409)
            return _finished(job, "cancelled")

        return await self._end(organisation, job_id, cancel)

    # -- for the worker -------------------------------------------------------------------------------

    async def queued(self) -> list[tuple[str, str]]:
        """Return organisation and id of what is waiting, oldest first."""
        return [(organisation, job_id) for organisation, job_id, _ in await self._jobs.everywhere(status="queued")]

    async def unannounced(self) -> list[tuple[str, Job]]:
        """Return organisation and job of those whose receiver does not know yet that they are finished."""
        jobs = await self._jobs.everywhere(callback_due=True)
        return [(organisation, job) for organisation, _, job in jobs]

    async def start(self, organisation: str, job_id: str) -> tuple[Job, bytes] | None:
        """Take a job that is waiting, with the bytes that were uploaded; None if it is not waiting any more."""

        def run(job: Job) -> Job:
            running = job.status == "queued"
            return job.model_copy(update={"status": "running", "updated_at": now_ms()}) if running else job

        job = await self._jobs.find(organisation, job_id)
        if job is None or job.status != "queued":
            return None
        job = await self._jobs.change(organisation, job_id, run)
        return (job, await self._jobs.data(organisation, job_id)) if job.status == "running" else None

    async def complete(self, organisation: str, job_id: str, result: JobResult) -> Job:
        """Say what came of it; a job that was cancelled meanwhile stays cancelled."""
        return await self._end(organisation, job_id, lambda job: _finished(job, "completed", result=result))

    async def fail(self, organisation: str, job_id: str, error: str) -> Job:
        """Say why nothing came of it; a job that was cancelled meanwhile stays cancelled."""
        return await self._end(organisation, job_id, lambda job: _finished(job, "failed", error=error))

    async def announced(self, organisation: str, job_id: str) -> None:
        """Say that the receiver knows, or will never know."""
        await self._jobs.change(organisation, job_id, lambda job: job.model_copy(update={"callback_due": False}))

    async def _end(self, organisation: str, job_id: str, change: Callable[[Job], Job]) -> Job:
        return await self._jobs.change(organisation, job_id, change, keep_data=False)

    async def recover(self) -> None:
        """Queue again what the end of an earlier process left half done."""
        for organisation, job_id, _ in await self._jobs.everywhere(status="running"):
            await self._jobs.change(organisation, job_id, lambda job: job.model_copy(update={"status": "queued"}))


def _finished(job: Job, status: Status, **fields: Any) -> Job:
    if job.status in FINISHED:
        return job
    due = job.options.webhook_url is not None
    return job.model_copy(update={"status": status, "updated_at": now_ms(), "callback_due": due, **fields})
