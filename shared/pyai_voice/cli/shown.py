"""Records as tables for people and as JSON for programs. What a server says never moves the cursor of a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..rest.record import Record
from .running import plain

__all__ = ["print_json", "print_record", "print_records", "print_table"]


def print_records(records: Sequence[Record], columns: Sequence[str], as_json: bool, empty: str) -> None:
    """Print a list: the fields ``columns`` of each as a row, or everything as JSON."""
    if as_json:
        print_json([record.model_dump(mode="json") for record in records])
    elif records:
        print_table(columns, [[getattr(record, column) for column in columns] for record in records])
    else:
        typer.echo(empty)


def print_record(record: Record, as_json: bool, leave_out: Sequence[str] = ()) -> None:
    """Print one record: a row for each field that says something, or everything as JSON."""
    if as_json:
        print_json(record.model_dump(mode="json"))
        return
    fields = record.model_dump(exclude=set(leave_out))
    print_table((), [[name, value] for name, value in fields.items() if value not in (None, "", (), [], {})])


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows; the first column is kept whole. Without names of columns there is no heading."""
    table = Table(show_header=bool(columns))
    for number, column in enumerate(columns or rows[0]):
        table.add_column(str(column).replace("_", " ") if columns else "", no_wrap=number == 0)
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    Console(highlight=False).print(table)


def print_json(value: object) -> None:
    """Print a value for programs."""
    typer.echo(json.dumps(value, indent=1))


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value.astimezone():%Y-%m-%d %H:%M:%S}"
        case float():
            return f"{value:.2f}"
        case Mapping():
            return plain(json.dumps(cast("Mapping[str, Any]", value), default=str))
        case list() | tuple():
            return ", ".join(map(_cell, cast("Sequence[object]", value)))
        case _:
            return plain(str(value))
