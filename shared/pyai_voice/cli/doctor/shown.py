"""The report: a table with bars for people, JSON for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

import typer
from rich.bar import Bar
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..running import plain
from ..shown import print_json
from .finding import Finding, Status, worst

__all__ = ["print_report", "print_report_json"]

_LOOKS = {Status.PASS: "green", Status.SKIP: "dim", Status.WARN: "yellow", Status.FAIL: "bold red"}
_BAR = 16
"""Characters."""


def print_report(findings: Sequence[Finding]) -> None:
    """Print it as a table; what is to be done stands below what was found."""
    console = Console(highlight=False)
    bars = "utf" in (console.encoding or "").lower()
    table = Table("", "check", "what was found")
    table.add_column("time", justify="right", no_wrap=True)
    longest = max((each.seconds or 0.0 for each in findings), default=0.0)
    if bars:
        table.add_column("", width=_BAR)
    for each in findings:
        took = Text("" if each.seconds is None else _time(each.seconds))
        bar = [Bar(longest, 0, each.seconds, width=_BAR) if each.seconds and longest else ""] if bars else []
        look = _LOOKS[each.status]
        table.add_row(Text(each.status, look), Text(each.check), _what(each), took, *bar)
    console.print(table)
    counts = Counter(each.status for each in findings)
    typer.echo(
        ", ".join(f"{counts[status]} {status}" for status in (Status.PASS, Status.WARN, Status.FAIL, Status.SKIP))
    )


def print_report_json(findings: Sequence[Finding]) -> None:
    """Print it as JSON: times in seconds."""
    print_json({"status": worst(findings), "findings": [asdict(each) for each in findings]})


def _what(finding: Finding) -> Text:
    what = Text(plain(finding.said))
    if finding.remedy and finding.status is not Status.PASS:
        what.append(f"\n{plain(finding.remedy)}", _LOOKS[Status.WARN])
    return what


def _time(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"
