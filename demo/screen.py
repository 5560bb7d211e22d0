"""What the demo shows: the transcript as it grows, the times, and the replies heard again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .times import TIMES, Times

__all__ = ["Screen"]


class Screen:
    """A terminal, or a plain log."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._status = self._console.status("")

    def title(self, text: str) -> None:
        """Begin a part."""
        self._console.rule(f"[bold]{escape(text)}", align="left")

    def note(self, text: str) -> None:
        """Say something about the demo."""
        self._console.print(f"[dim]{escape(text)}")

    def complain(self, text: str) -> None:
        """Say why the demo ends, and what to do."""
        self._status.stop()
        self._console.print(f"[bold red]The demo ended:[/] {escape(text)}")

    def narrator(self, bot: str) -> Callable[[str, str], None]:
        """Return what prints the transcript of one call; what is not final yet comes and goes at the bottom."""

        def narrate(who: str, text: str) -> None:
            if who == "partial":
                self._status.update(f"[dim]{bot}, caller: {escape(text)}")
                self._status.start()
                return
            self._status.stop()
            color = "yellow" if who == "caller" else "cyan"
            self._console.print(f"[dim]{bot:>15}[/] [{color}]{who:>6}[/] {escape(text)}")

        return narrate

    def times(self, measured: Mapping[str, Times]) -> None:
        """Show the table of times: median and worst of all answers, in milliseconds."""
        table = Table(title="Times in ms: median (worst) of all answers", title_justify="left")
        table.add_column("")
        for framework in measured:
            table.add_column(framework, justify="right")
        for name in TIMES:
            table.add_row(name, *(times.cell(name) for times in measured.values()))
        self._console.print(table)

    def replies(self, rows: Sequence[tuple[str, str, str]]) -> None:
        """Show what the bots said beside what Hear makes of the recording."""
        table = Table(title="The replies, heard again", title_justify="left")
        for column in ("file", "said", "heard by Hear"):
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*map(escape, row))
        self._console.print(table)
