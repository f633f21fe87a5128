"""`livegold backfill`: shows the progress of a backfill. The backfill itself is in reporting/library/refill.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from livegold.reporting.cli.progress import say


@click.command()
@click.argument("usecase")
@click.option("--sink", "name", default="powerbi", show_default=True, help="Which sink to refill.")
@click.option(
    "--drop", is_flag=True, help="Delete the dataset first and create it anew; reports on the old one lose it."
)
@click.option("--restart", is_flag=True, help="Start over instead of resuming a backfill that was interrupted.")
def backfill(usecase: str, name: str, drop: bool, restart: bool) -> None:
    """Empties the dataset and refills it from gold, within the limits of Power BI.

    A backfill that was interrupted is resumed.
    """
    from livegold.reporting.library import plan_refill

    plan = plan_refill(usecase, sink=name, drop=drop, restart=restart)
    from livegold.streams.local import spark_session, stop_on_signals

    with stop_on_signals() as stop:
        say("Spark starts")
        spark = spark_session(plan.settings)
        with stop_on_signals(stop):
            ended = plan.start(spark, show=_Lines(), progress=say, stop=stop)
    if ended:
        click.echo(f"{plan.case.name}: {name} is refilled: {_line(plan.sink.status())}")
    else:
        say("cut off: the same command goes on from here")


class _Lines:
    """Prints a sink's status whenever it has changed."""

    def __init__(self) -> None:
        self._shown = ""

    def __call__(self, status: Mapping[str, Any]) -> None:
        line = _line(status)
        if line != self._shown:
            say(line)
            self._shown = line


def _line(status: Mapping[str, Any]) -> str:
    waiting = status.get("outbox_chunks", 0)
    told = f"{status.get('rows_delivered', 0):,} rows accepted"
    if waiting:
        told += f", {waiting} requests wait"
    if "limits" in status.get("details", {}):
        told += f"; {status['details']['limits']}"
    if status.get("last_error") and waiting:
        told += f"; {status['last_error']}"
    return told
