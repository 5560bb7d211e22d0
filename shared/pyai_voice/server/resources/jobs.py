"""Transcription jobs: ``/v1/transcription/jobs``.

Source: protocol of PyAI, "Transcription jobs and webhooks". ``POST .../cancel`` is ours: the service has the state
``cancelled``, but no published way into it.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from hmac import compare_digest
from typing import Any, cast

from pydantic import BaseModel, model_validator
from starlette.datastructures import FormData, UploadFile

from ...errors import service_error
from ...outbound import OutboundError, check_address
from ..auth import spend
from ..catalog import HEAR_MODELS, check_model
from ..limits import limited
from ..operations import Asked, Listed, Operation, PageQuery, Query, validated
from ..state.jobs import Accepted, Job, JobOptions, JobResult
from ..state.records import Address
from ..transcribing import Transcribing

__all__ = ["operations"]

_SCOPE = "transcribe:jobs"
_MODELS = HEAR_MODELS | {"pyai-hear-telephony"}
_LISTS = ("vocabulary", "output_formats")
_FORM = 1 << 16
"""Bytes of a form beside its file."""
_INLINE = 1 << 18
"""Bytes of a result that goes out with its job; a larger one has an address of its own."""
_KEY = re.compile(r"[!-~]{1,255}")


class JobForm(JobOptions, strict=False):
    """The fields of a form, beside the file ``audio``."""

    webhook_url: Address | None = None

    @model_validator(mode="after")
    def _check_choice(self) -> JobForm:
        if self.channel and self.diarize:
            raise ValueError("channel, diarize: one of them; a recording has channels or it has not")
        return self


class NewJob(JobForm, strict=True):
    """A recording that can be fetched."""

    audio_url: Address


class JobShown(BaseModel):
    """A job as it goes out."""

    job_id: str
    status: str
    created_at: int
    updated_at: int
    result: JobResult | None
    result_url: str | None = None
    """Where a large result is; it is fetched without a key."""
    error: str | None
    call_id: str | None


async def _create(asked: Asked) -> Accepted:
    if asked.request.headers.get("content-type", "").startswith("multipart/form-data"):
        options, audio, promise = *await _uploaded(asked), None
    else:
        wanted = await asked.body(NewJob)
        options, audio = JobOptions(**wanted.model_dump(exclude={"audio_url"})), wanted.audio_url
        _check_addresses(asked, audio_url=audio)
        promise = await _promise(asked)
    _check(options)
    _check_addresses(asked, webhook_url=options.webhook_url)
    await spend(asked.request, asked.key)
    accepted = await asked.stores.jobs.create(asked.organisation, options, audio, promise)
    _transcribing(asked).wake()
    return accepted


async def _uploaded(asked: Asked) -> tuple[JobOptions, bytes]:
    with asked.request.app.state.requests.take():
        body = limited(asked.request, asked.settings.max_upload + _FORM)
        async with body.form(max_files=1, max_fields=32, max_part_size=_FORM) as form:
            file = form.get("audio")
            if not isinstance(file, UploadFile) or "audio_url" in form:
                raise service_error(
                    "audio: send a recording as part audio of a form, or its audio_url as JSON", code="invalid_request"
                )
            options = validated(lambda: JobForm.model_validate(_fields(form)))
            audio = await file.read()
    if not audio:
        raise service_error("audio: the recording is empty", code="invalid_audio")
    return JobOptions(**options.model_dump()), audio


def _fields(form: FormData) -> dict[str, Any]:
    texts = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    return {name: _list(value) if name in _LISTS else value for name, value in texts.items()}


def _list(value: str) -> Any:
    """Return a list given as JSON, or with commas."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = None
    return cast("list[Any]", found) if isinstance(found, list) else [each.strip() for each in value.split(",")]


def _check(options: JobOptions) -> None:
    check_model(options.model, _MODELS)
    for name in ("diarize", "dictation"):
        if getattr(options, name):
            raise service_error(f"{name}: the local engine cannot do this", code="unsupported_parameter")


def _check_addresses(asked: Asked, **addresses: str | None) -> None:
    for name, address in addresses.items():
        try:
            _ = address and check_address(address, loopback=asked.settings.outbound_loopback)
            continue
        except OutboundError as error:
            said = error.message
        raise service_error(f"{name}: {said}", code="invalid_request")


async def _promise(asked: Asked) -> tuple[str, str] | None:
    key = asked.request.headers.get("idempotency-key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise service_error("Idempotency-Key: expected 1 to 255 visible characters", code="invalid_request")
    return key, sha256(await asked.raw()).hexdigest()


async def _list_jobs(asked: Asked) -> Listed[JobShown]:
    query = asked.query(PageQuery)
    page = await asked.stores.jobs.page(asked.organisation, query.limit, query.cursor)
    return Listed(
        data=[_shown(asked, each) for each in page.entries],
        has_more=page.next_cursor is not None,
        next_cursor=page.next_cursor,
    )


async def _get(asked: Asked) -> JobShown:
    return _shown(asked, await asked.stores.jobs.get(asked.organisation, asked.path("job_id")))


async def _cancel(asked: Asked) -> JobShown:
    job = await asked.stores.jobs.cancel(asked.organisation, asked.path("job_id"))
    _transcribing(asked).stop(job.job_id)
    return _shown(asked, job)


def _transcribing(asked: Asked) -> Transcribing:
    return asked.request.app.state.transcribing


def _shown(asked: Asked, job: Job) -> JobShown:
    large = job.result is not None and len(job.result.model_dump_json()) > _INLINE
    return JobShown(
        **job.model_dump(include={"job_id", "status", "created_at", "updated_at", "error"}),
        result=None if large else job.result,
        result_url=f"{asked.origin}/v1/transcription/results/{job.job_id}?token={job.result_token}" if large else None,
        call_id=job.options.call_id,
    )


class ResultQuery(Query):
    """The secret of its address."""

    token: str = ""


async def _result(asked: Asked) -> JobResult:
    """Serve a large result to whoever has its address."""
    token = asked.query(ResultQuery).token
    job = await asked.stores.jobs.by_id(asked.path("job_id"))
    if job is None or job.result is None or not compare_digest(token.encode(), job.result_token.encode()):
        raise service_error("There is no such result", code="not_found")
    return job.result


_ALL = "/v1/transcription/jobs"
_ONE = f"{_ALL}/{{job_id}}"

operations = [
    Operation("GET", _ALL, _list_jobs, _SCOPE, query=PageQuery, answer=Listed[JobShown]),
    Operation(
        "POST",
        _ALL,
        _create,
        _SCOPE,
        status=202,
        body=NewJob,
        form=JobForm,
        file="audio",
        headers=("Idempotency-Key",),
        answer=Accepted,
    ),
    Operation("GET", _ONE, _get, _SCOPE, answer=JobShown),
    Operation("GET", "/v1/transcription/results/{job_id}", _result, public=True, query=ResultQuery, answer=JobResult),
    Operation("POST", f"{_ONE}/cancel", _cancel, _SCOPE, answer=JobShown),
]
