"""``pyai-voice doctor``."""

from __future__ import annotations

from typing import Annotated

import typer

from ..running import run
from ..service import BaseUrl, Json

__all__ = ["doctor"]


def doctor(
    quick: Annotated[
        bool, typer.Option("--quick", help="Do not speak, listen or open streams: a second, and no cost.")
    ] = False,
    base_url: BaseUrl = None,
    as_json: Json = False,
) -> None:
    """Find out what works between here and the service, how fast, and what to do where it does not.

    It looks at what is installed, proxies, key, DNS, TLS, clock, what the key may do and the time of each endpoint.
    Then it has a sentence spoken, lets Hear listen to it at 16 and 8 kHz, opens an Omni call and a few streams at once:
    about 20 s, and as many seconds of use. The key is never shown.

    Exit status: 0 where nothing failed (warnings are no failures), 1 where something did, 2 for wrong usage.

        pyai-voice doctor

        pyai-voice doctor --quick --json | jq '.findings[] | select(.status != "pass")'
    """
    run(_doctor(quick, base_url, as_json))


async def _doctor(quick: bool, base_url: str | None, as_json: bool) -> None:
    from rich.console import Console

    from .examine import examine
    from .finding import Finding, Status, worst
    from .shown import print_report, print_report_json

    findings: list[Finding] = []
    console = Console(stderr=True, highlight=False)
    with console.status("looking") as status:
        await examine(base_url, quick, lambda name: status.update(f"looking at {name}"), findings.append)
    if as_json:
        print_report_json(findings)
    else:
        print_report(findings)
    if worst(findings) is Status.FAIL:
        raise typer.Exit(1)
