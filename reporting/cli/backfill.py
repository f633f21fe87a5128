"""`livegold backfill`: refills a destination from gold. The feed is streams/feeds/spark.py, what it fills a sink."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import click

from livegold.reporting.cli.progress import say
from livegold.reporting.cli.requirements import SPARK, require
from livegold.reporting.errors import NotFound
from livegold.reporting.sinks.base import Sink

SHOW_SECONDS = 2.0


@click.command()
@click.argument("usecase")
@click.option("--sink", "name", default="powerbi", show_default=True, help="Which sink to refill.")
@click.option("--drop", is_flag=True, help="Delete the dataset first and make it anew: reports on it lose it.")
@click.option("--restart", is_flag=True, help="Begin again instead of going on where a backfill was cut off.")
def backfill(usecase: str, name: str, drop: bool, restart: bool) -> None:
    """Empties the dataset and fills it from gold, within what Power BI takes. Cut off, it goes on where it was."""
    from livegold.reporting.cli.sinks import check_names, make_sinks
    from livegold.reporting.lake import Lake, open_table
    from livegold.reporting.settings import load as load_settings
    from livegold.reporting.specification import load_use_case

    case = load_use_case(usecase)
    check_names([name])
    require(SPARK)
    settings = load_settings()
    sinks = make_sinks([name], settings, case)
    from livegold.streams.local import spark_session, stop_on_signals
    from livegold.streams.switch import Pipeline

    begun = settings.home / "sinks" / case.name / f"backfill-{name}"
    with stop_on_signals() as stop:
        say("Spark starts")
        spark = spark_session(settings)
        with stop_on_signals(stop):
            lake = Lake.of(settings, case.name)
            try:
                open_table(lake.pulse)
            except NotFound:
                raise NotFound(
                    f"use case {case.name} has no gold in {lake.gold}: run `livegold run {case.name}` first"
                ) from None
            # Not before gold is known to be there: with `--drop` there is no way back.
            if drop or restart or not begun.exists():
                sinks[name].forget(drop=drop)
                begun.touch()
            else:
                say(f"goes on with the backfill that was cut off (--restart begins again): {begun}")
            ended = threading.Event()
            showing = threading.Thread(target=_show, args=(sinks[name], ended), daemon=True)
            showing.start()
            try:
                Pipeline(spark, case, settings, sinks).backfill(stop)
            finally:
                ended.set()
                showing.join()
            if stop.is_set():
                say("cut off: the same command goes on from here")
                return
    begun.unlink()
    click.echo(f"{case.name}: {name} is refilled: {_line(sinks[name].status())}")


def _show(sink: Sink, ended: threading.Event) -> None:
    shown = ""
    while not ended.wait(SHOW_SECONDS):
        line = _line(sink.status())
        if line != shown:
            say(line)
            shown = line


def _line(status: Mapping[str, Any]) -> str:
    waiting = status.get("outbox_posts", 0)
    told = f"{status.get('rows_delivered', 0):,} rows accepted"
    if waiting:
        told += f", {waiting} requests wait"
    if "rows_last_hour" in status:
        told += f"; {status['rows_last_hour']:,} of {status['rows_limit']:,} rows of this hour used"
    if status.get("last_error") and waiting:
        told += f"; {status['last_error']}"
    return told
