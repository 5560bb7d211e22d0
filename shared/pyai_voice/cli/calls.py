"""``pyai-voice calls``: records of Omni calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .running import run
from .service import BaseUrl, Json, Limit, first, service

if TYPE_CHECKING:
    from ..rest.calls import CallEntry

__all__ = ["calls"]

calls = typer.Typer(no_args_is_help=True, help="Read the records of Omni calls.")


@calls.command(name="list")
def list_(
    label: Annotated[str | None, typer.Option(help="Only those with this session label.")] = None,
    limit: Limit = 50,
    base_url: BaseUrl = None,
    as_json: Json = False,
) -> None:
    """List the calls, newest first.

    pyai-voice calls list --label agent_123
    """
    run(_list(label, limit, base_url, as_json))


@calls.command(no_args_is_help=True)
def show(
    call: Annotated[str, typer.Argument(metavar="CALL", help="Id of the call.")],
    base_url: BaseUrl = None,
    as_json: Json = False,
) -> None:
    """Show a call: what was said, and which tools were called, with the times.

    pyai-voice calls show call_123
    """
    run(_show(call, base_url, as_json))


async def _list(label: str | None, limit: int, base_url: str | None, as_json: bool) -> None:
    from .shown import print_records

    async with service(base_url) as client:
        found = await first(client.calls.list(session_label=label), limit)
    columns = ("call_id", "session_label", "status", "started_at", "duration", "end_reason")
    print_records(found, columns, as_json, "There are no calls")


async def _show(call: str, base_url: str | None, as_json: bool) -> None:
    from .shown import print_record, print_table

    async with service(base_url) as client:
        found = await client.calls.get(call)
    print_record(found, as_json, leave_out=("entries",))
    if found.entries and not as_json:
        print_table(
            ("start", "who", "what"), [(each.start, each.role or each.kind, _said(each)) for each in found.entries]
        )


def _said(entry: CallEntry) -> str:
    if entry.kind != "tool":
        return f"{entry.text} (interrupted)" if entry.interrupted else entry.text
    answer = entry.error or entry.result
    return f"{entry.name}({entry.arguments}) -> {answer}"
