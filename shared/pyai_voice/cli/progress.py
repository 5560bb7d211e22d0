"""Progress on stderr, in a terminal only."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

__all__ = ["working"]


@contextmanager
def working(what: str, quiet: bool = False) -> Generator[None]:
    """Show that something takes its time, and how long it has taken, until the block ends."""
    console = Console(stderr=True, quiet=quiet, highlight=False)
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bars:
        bars.add_task(what, total=None)
        yield
