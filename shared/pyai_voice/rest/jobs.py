"""Transcription jobs: recordings that are transcribed in their own time.

    job = await client.jobs.create("https://example.com/call.wav", JobSettings(output_formats=("json", "srt")))
    result = await client.jobs.result(job.job_id)

Source: protocol of PyAI, "Transcription jobs and webhooks" (scope ``transcribe:jobs``).
"""

from __future__ import annotations

import asyncio
import functools
import json
import random
from contextlib import aclosing
from typing import Literal, Self, cast
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, OnErrorOmit, field_validator, model_validator

from ..errors import ConfigurationError, ProtocolError, PyAIError, ServerError, ServiceError, StalledError
from ..exchange import Answer
from ..outbound import Outbound
from ..retry import retried
from .pages import Pages
from .record import Body, Record, Time, parse
from .resource import Resource
from .upload import Recording

__all__ = ["Job", "JobFormats", "JobRequests", "JobResult", "JobSegment", "JobSettings", "JobWord"]

_FINISHED = frozenset({"completed", "failed", "cancelled"})
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 15.0
_GROWTH = 1.5
_FETCH = 60.0
"""Seconds for a large result."""
_LARGEST_RESULT = 64 * 1024 * 1024
"""Bytes."""


class JobSettings(Body):
    """How a recording is transcribed. ``None`` leaves the choice to the service."""

    model: str | None = None
    """``pyai-hear-telephony`` unless it is set."""
    channel: bool | None = None
    """Each channel of a stereo recording by itself; speakers are exact then. Not with ``diarize``."""
    diarize: bool | None = None
    """Find the speakers of a mono recording."""
    numerals: bool | None = None
    smart_format: bool | None = None
    dictation: bool | None = None
    drop_fillers: bool | None = None
    vocabulary: tuple[str, ...] | None = None
    """Words to listen for; the service uses at most five."""
    output_formats: tuple[Literal["json", "srt", "vtt"], ...] | None = None
    webhook_url: str | None = None
    """Where the signed news of its end is posted; https."""
    call_id: str | None = None
    """Of the call that was recorded, for Recap."""
    pack_id: str | None = None
    """Recap's rule pack."""
    call_direction: str | None = None
    customer_name: str | None = None
    language: str | None = None
    """Of Recap's summary."""
    trace: bool | None = None
    """Have Trace look at it; not with ``channel`` or ``diarize``."""

    @field_validator("webhook_url")
    @classmethod
    def _check_webhook(cls, url: str | None) -> str | None:
        if url is not None and not _may_be_named(url):
            raise ValueError("expected an https address")
        return url

    @model_validator(mode="after")
    def _check_choice(self) -> Self:
        if self.channel and self.diarize:
            raise ValueError("channel, diarize: one of them, a recording has channels or it has not")
        if self.trace and (self.channel or self.diarize):
            raise ValueError("trace: not with channel or diarize")
        return self


class JobSegment(Record):
    """What one speaker said in one go; times in seconds from the start of the recording."""

    id: int = 0
    start: float = 0.0
    end: float = 0.0
    text: str = ""
    speaker: str = ""
    """``speaker_1`` ...; empty where nobody looked."""
    channel: int | None = None
    """Only of a job with ``channel``."""


class JobWord(Record):
    """One word; the service does not say what else it knows of it."""

    word: str = Field(default="", validation_alias=AliasChoices("word", "text"))
    start: float | None = None
    end: float | None = None
    speaker: str = ""


class JobFormats(Record):
    """The files that were asked for."""

    srt: str | None = None
    vtt: str | None = None


class JobResult(Record):
    """What was said in a recording."""

    text: str = ""
    speakers: int | None = None
    """How many there are."""
    audio_seconds: float | None = None
    segments: tuple[OnErrorOmit[JobSegment], ...] = ()
    words: tuple[OnErrorOmit[JobWord], ...] = ()
    formats: JobFormats = JobFormats()


class Job(Record):
    """One job."""

    job_id: str = Field(validation_alias=AliasChoices("job_id", "id"))
    status: str = "queued"
    """``queued``, ``running``, ``completed``, ``failed`` or ``cancelled``; an open set."""
    created_at: Time | None = None
    updated_at: Time | None = None
    result: JobResult | None = None
    """Of a completed job, unless it is large; :meth:`JobRequests.result` gets it either way."""
    result_url: str | None = Field(default=None, repr=False)
    """Where a large result is; whoever knows the address may read it."""
    error: str | None = None
    """Why it failed."""

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in _FINISHED


class JobRequests(Resource):
    """The organisation's transcription jobs."""

    feature = "jobs"

    async def create(
        self, audio_url: str, settings: JobSettings | None = None, *, idempotency_key: str | None = None
    ) -> Job:
        """Have the recording at an https address transcribed.

        With an ``idempotency_key`` of yours (a new one for each recording) the request is sent again as a read is,
        and there is one job; without, never. Raises RequestError ``idempotency_conflict`` for a key that another
        request had.
        """
        if not _may_be_named(audio_url):
            raise ConfigurationError("audio_url: expected an https address", code="invalid_option")
        body = {**(settings.body() if settings else {}), "audio_url": audio_url}
        return await self._send(Job, "POST", "/transcription/jobs", body, idempotency_key=idempotency_key)

    async def upload(
        self,
        audio: Recording,
        settings: JobSettings | None = None,
        *,
        rate: int | None = None,
        timeout: float = 300.0,
    ) -> Job:
        """Have a recording transcribed: a path, a file's bytes, or pcm with its ``rate``. Never sent again.

        ``timeout`` in seconds, for upload and answer. Raises AudioError for audio that cannot be sent.
        """
        fields = {name: _field(value) for name, value in (settings.body() if settings else {}).items()}
        return await self._upload(Job, "/transcription/jobs", fields, "audio", (audio, rate), timeout)

    def list(self, *, limit: int | None = None, cursor: str | None = None) -> Pages[Job]:
        """List the jobs. ``limit`` is the size of a page, 1 to 100."""
        return self._list(Job, "/transcription/jobs", limit=limit, cursor=cursor)

    async def get(self, job_id: str) -> Job:
        """Return one as it is now. Raises RequestError (404) if there is none with this id."""
        return await self._read(Job, "/transcription/jobs/{job_id}", job_id=job_id)

    async def cancel(self, job_id: str) -> Job:
        """Stop a job and return it as it is then; one that is finished stays so.

        The local server has this; the service has the state, but no published way into it, and may raise NotDeployed.
        """
        return await self._send(Job, "POST", "/transcription/jobs/{job_id}/cancel", None, job_id=job_id)

    async def wait(self, job_id: str, *, timeout: float = 3600.0) -> Job:
        """Return a job when it is finished, however it ended; it asks after 0.5 s, then less and less often.

        An outage is ridden through. Raises StalledError ``job_unfinished`` after ``timeout`` seconds.
        """
        try:
            async with asyncio.timeout(timeout):
                return await self._finished(job_id)
        except TimeoutError as error:
            stalled = error if isinstance(error, StalledError) else None
        raise stalled or StalledError(f"Job {job_id} is not finished after {timeout:g} s", code="job_unfinished")

    async def result(self, job_id: str, *, timeout: float = 3600.0) -> JobResult:
        """Wait for a job and return what was said; a large result is fetched, without the key.

        Raises ServiceError ``job_failed`` or ``job_cancelled``, and what :meth:`wait` raises.
        """
        job = await self.wait(job_id, timeout=timeout)
        if job.status != "completed":
            raise ServiceError(f"Job {job_id} {job.status}: {job.error or 'no reason given'}", code=f"job_{job.status}")
        if job.result is not None:
            return job.result
        if job.result_url is None:
            raise ProtocolError(f"Job {job_id} is completed and has no result")
        fetch = functools.partial(self._fetch, job.result_url)
        answer = await retried(fetch, self._http.endpoint, self._http.window, _worth_fetching)
        value = answer.json()
        fields = cast("dict[str, object]", value) if isinstance(value, dict) else {}
        return parse(JobResult, fields.get("result", fields), answer)

    async def _fetch(self, url: str) -> Answer:
        """Return what is at an address of the service's choice: without the key, from a public machine."""
        async with aclosing(Outbound(loopback=self._http.endpoint.is_loopback())) as outbound:
            found = await outbound.request("GET", url, timeout=_FETCH, largest=_LARGEST_RESULT)
        if found.good:
            return Answer(found.body, found.headers.get("content-type", ""), None)
        kind = ServerError if found.status >= 500 else ServiceError
        raise kind("The job's result cannot be fetched", code="result_unavailable", status=found.status)

    async def _finished(self, job_id: str) -> Job:
        wait = _FIRST_WAIT
        while True:
            asked = 0.0
            try:
                job = await self.get(job_id)
                if job.finished:
                    return job
            except PyAIError as error:
                if not error.retryable:
                    raise
                asked = error.retry_after or 0.0
            await asyncio.sleep(max(asked, wait * random.uniform(0.75, 1.0)))
            wait = min(wait * _GROWTH, _LONGEST_WAIT)


def _worth_fetching(error: PyAIError) -> bool:
    return error.retryable and error.code not in ("blocked_address", "too_large")


def _field(value: object) -> str:
    """Return a value as a form has it: lists as JSON, switches as words."""
    return value if isinstance(value, str) else json.dumps(value)


def _may_be_named(url: str) -> bool:
    """Tell whether an address is https, or http to this machine for a server that runs here."""
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.port != 0 else None
    except ValueError:
        return False
    here = host in ("localhost", "127.0.0.1", "::1")
    return bool(host) and not parts.username and (parts.scheme == "https" or here and parts.scheme == "http")
