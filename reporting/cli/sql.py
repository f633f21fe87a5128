"""`livegold sql`: a query's answer as a table, CSV or JSON lines. The query itself is reporting/sql.py."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

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
    help="json is one object a line.",
)
def sql(query: str, form: str) -> None:
    """Runs SQL on the gold tables, without Spark."""
    from reporting import settings
    from reporting.sql import query as answer

    rows = answer(settings.load(), query)
    {"table": _table, "csv": _csv, "json": _json}[form](rows)


def _table(rows: pa.Table) -> None:
    from rich.console import Console

    from reporting.cli.view import rows_table

    Console().print(rows_table(rows.column_names, (r.values() for r in rows.to_pylist())))


def _csv(rows: pa.Table) -> None:
    import csv

    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(rows.column_names)
    for batch in rows.to_batches(10_000):
        out.writerows(r.values() for r in batch.to_pylist())


def _json(rows: pa.Table) -> None:
    import json

    for batch in rows.to_batches(10_000):
        for row in batch.to_pylist():
            click.echo(json.dumps(row, default=str))
