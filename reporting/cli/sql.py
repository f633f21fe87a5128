"""`livegold sql`: a query's result as a table, CSV or JSON lines. The query itself is in reporting/lake/sql.py."""

from __future__ import annotations

import sys
from datetime import date, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pyarrow as pa


@click.command()
@click.argument("query")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="json prints one object per line.",
)
def sql(query: str, form: str) -> None:
    """Runs SQL on the gold tables, without Spark."""
    from livegold.reporting import library

    rows = library.sql(query, to="arrow")
    {"table": _table, "csv": _csv, "json": _json}[form](rows)


def _table(rows: pa.Table) -> None:
    from livegold.reporting.cli.view import console, rows_table

    console().print(rows_table(rows.column_names, (r.values() for r in rows.to_pylist())))


def _csv(rows: pa.Table) -> None:
    import csv

    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(rows.column_names)
    for batch in rows.to_batches(10_000):
        out.writerows(r.values() for r in batch.to_pylist())


def _plain(value: Any) -> Any:
    """Converts types that JSON lacks. A decimal becomes a number if that is exact, otherwise its digits as text."""
    if isinstance(value, Decimal):
        number = float(value)
        return number if Decimal(repr(number)) == value else str(value)
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _json(rows: pa.Table) -> None:
    import json

    for batch in rows.to_batches(10_000):
        for row in batch.to_pylist():
            click.echo(json.dumps(row, default=_plain))
