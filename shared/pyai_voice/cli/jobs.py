"""``pyai-voice jobs``: recordings that are transcribed in their own time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from .output import check_writable, format_of, write
from .running import run
from .service import BaseUrl, Json, Limit, first, service

if TYPE_CHECKING:
    from ..client import Client
    from ..rest.jobs import Job, JobSettings

__all__ = ["jobs"]

jobs = typer.Typer(no_args_is_help=True, help="Have long recordings transcribed in their own time.")

JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of the job.")]
Format = Annotated[
    Literal["txt", "json", "srt", "vtt"] | None,
    typer.Option("--format", help="What a finished job is printed or written as; without it as the file's name says."),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it here instead of to stdout.")
]
Timeout = Annotated[float, typer.Option(min=1, help="Wait at most so many seconds.")]


@jobs.command(no_args_is_help=True)
def create(
    recording: Annotated[str, typer.Argument(metavar="FILE|URL", help="A recording here, or its https address.")],
    diarize: Annotated[bool, typer.Option("--diarize", help="Find the speakers of a mono recording.")] = False,
    channel: Annotated[bool, typer.Option("--channel", help="Each channel of a stereo recording by itself.")] = False,
    model: Annotated[str | None, typer.Option(help="Recogniser, as `pyai-voice models` lists it.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for it and print what was said.")] = False,
    output_format: Format = None,
    output: Output = None,
    timeout: Timeout = 3600.0,
    base_url: BaseUrl = None,
) -> None:
    """Make a job and print its id; with --wait wait for it.

    pyai-voice jobs create call.wav --channel --wait --format srt -o call.srt

    pyai-voice jobs create https://example.com/call.wav
    """
    if output and not wait:
        raise typer.BadParameter("-o goes with --wait; or take the result later: pyai-voice jobs wait JOB -o FILE")
    wanted = format_of(output, output_format)
    formats = (wanted,) if wanted in ("srt", "vtt") else ()
    fields = {"diarize": diarize or None, "channel": channel or None, "model": model, "output_formats": formats or None}
    said = {name: value for name, value in fields.items() if value is not None}
    run(_create(recording, said, wanted if wait else None, output, timeout, base_url))


@jobs.command(name="list")
def list_(limit: Limit = 50, base_url: BaseUrl = None, as_json: Json = False) -> None:
    """List the jobs.

    pyai-voice jobs list --limit 10
    """
    run(_list(limit, base_url, as_json))


@jobs.command(no_args_is_help=True)
def show(job: JobId, base_url: BaseUrl = None, as_json: Json = False) -> None:
    """Show a job as it is now.

    pyai-voice jobs show job_123
    """
    run(_show(job, base_url, as_json))


@jobs.command(no_args_is_help=True)
def wait(
    job: JobId, output_format: Format = None, output: Output = None, timeout: Timeout = 3600.0, base_url: BaseUrl = None
) -> None:
    """Wait for a job and print what was said; a job that fails is said with exit status 1.

    srt and vtt are there if the job was made with them; else they are made of its segments.

        pyai-voice jobs wait job_123 --format json -o call.json
    """
    run(_wait(job, format_of(output, output_format), output, timeout, base_url))


@jobs.command(no_args_is_help=True)
def cancel(job: JobId, base_url: BaseUrl = None) -> None:
    """Stop a job. The local server can; PyAI has published no way to do it.

    pyai-voice jobs cancel job_123
    """
    run(_cancel(job, base_url))


async def _create(
    recording: str,
    said: dict[str, Any],
    wanted: str | None,
    output: Path | None,
    timeout: float,
    base_url: str | None,
) -> None:
    from ..rest.jobs import JobSettings

    check_writable(output)
    async with service(base_url) as client:
        job = await _made(client, recording, JobSettings(**said))
        if wanted is None:
            typer.echo(job.job_id)
        else:
            await _finish(client, job.job_id, wanted, output, timeout)


async def _made(client: Client, recording: str, settings: JobSettings) -> Job:
    from .progress import working

    if "://" in recording:
        return await client.jobs.create(recording, settings)
    with working(f"sending {recording}"):
        return await client.jobs.upload(recording, settings)


async def _list(limit: int, base_url: str | None, as_json: bool) -> None:
    from .shown import print_records

    async with service(base_url) as client:
        found = await first(client.jobs.list(), limit)
    print_records(found, ("job_id", "status", "created_at", "updated_at", "error"), as_json, "There are no jobs")


async def _show(job: str, base_url: str | None, as_json: bool) -> None:
    from .shown import print_record

    async with service(base_url) as client:
        print_record(await client.jobs.get(job), as_json, leave_out=("result", "result_url"))


async def _wait(job: str, wanted: str, output: Path | None, timeout: float, base_url: str | None) -> None:
    check_writable(output)
    async with service(base_url) as client:
        await _finish(client, job, wanted, output, timeout)


async def _finish(client: Client, job: str, wanted: str, output: Path | None, timeout: float) -> None:
    from .progress import working
    from .written import Spoken, rendered

    with working(f"waiting for {job}"):
        result = await client.jobs.result(job, timeout=timeout)
    files = {"srt": result.formats.srt, "vtt": result.formats.vtt}
    made = Spoken.of_job(result)
    text = files.get(wanted) or rendered(made, wanted)
    write(text, output)


async def _cancel(job: str, base_url: str | None) -> None:
    async with service(base_url) as client:
        found = await client.jobs.cancel(job)
    typer.echo(f"{found.job_id} is {found.status}")
